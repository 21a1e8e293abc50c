//! A lane for work that blocks a thread: as wide as there are cores, a bounded queue before it, and a refusal past that.
//! Without one a wave of logins would hold up every other request on the async threads, or fill the blocking pool.

use std::{future::Future, num::NonZero, sync::Arc, thread::available_parallelism, time::Duration};

use tokio::{
    sync::{AcquireError, OwnedSemaphorePermit, Semaphore, TryAcquireError},
    task::{JoinError, spawn_blocking},
    time::timeout,
};

/// How long work waits before the lane. Whoever asked for it would soon give up, and hears better that it is busy.
const PATIENCE: Duration = Duration::from_secs(15);

/// Why work was not done in a lane.
#[derive(Debug, thiserror::Error)]
pub enum NotRun {
    /// The queue is full, or did not move for long: try again in a while.
    #[error("too much work waits")]
    Busy,
    /// The work panicked, or the program stops.
    #[error("the thread was lost")]
    Lost,
}

impl From<TryAcquireError> for NotRun {
    fn from(_: TryAcquireError) -> Self {
        Self::Busy
    }
}

impl From<AcquireError> for NotRun {
    fn from(_: AcquireError) -> Self {
        Self::Lost
    }
}

impl From<JoinError> for NotRun {
    fn from(_: JoinError) -> Self {
        Self::Lost
    }
}

/// A lane. Clones are doors to the same one.
#[derive(Clone)]
pub struct Lane {
    /// One permit for each piece of work that waits or runs, of each bound that it is under.
    places: Vec<Arc<Semaphore>>,
    /// One permit for each that runs.
    cores: Arc<Semaphore>,
}

impl Lane {
    /// A lane as wide as there are cores, before which `waiting` pieces of work may wait.
    pub fn new(waiting: usize) -> Self {
        Self::of(cores(), waiting)
    }

    fn of(width: usize, waiting: usize) -> Self {
        Self {
            places: vec![Arc::new(Semaphore::new(width + waiting))],
            cores: Arc::new(Semaphore::new(width)),
        }
    }

    /// A door to the same lane for work that may take at most half of its places now free: the rest is always left to
    /// others.
    #[must_use]
    pub fn half(&self) -> Self {
        self.narrowed(|places| places / 2)
    }

    /// The same, with a quarter left to others.
    #[must_use]
    pub fn three_quarters(&self) -> Self {
        self.narrowed(|places| places - places / 4)
    }

    fn narrowed(&self, part: impl FnOnce(usize) -> usize) -> Self {
        let places = self.places.iter().map(|places| places.available_permits()).min().unwrap_or_default();
        let mut narrow = self.clone();
        // First, so that whoever does not get through takes no place of others on the way.
        narrow.places.insert(0, Arc::new(Semaphore::new(part(places))));
        narrow
    }

    /// Takes every place that is free, for as long as they are held.
    #[cfg(test)]
    pub(crate) fn fill_up(&self) -> Option<OwnedSemaphorePermit> {
        let places = self.places.first()?;
        let free = u32::try_from(places.available_permits()).ok()?;
        places.clone().try_acquire_many_owned(free).ok()
    }

    /// Runs `work` off the async threads. [`NotRun::Busy`] at once when the queue is full, and after [`PATIENCE`] when it does not move; a panic inside ends only this.
    pub async fn run<T: Send + 'static, E: From<NotRun> + Send + 'static>(
        &self,
        work: impl FnOnce() -> Result<T, E> + Send + 'static,
    ) -> Result<T, E> {
        let run = async {
            let places = self.places.iter().map(|places| places.clone().try_acquire_owned());
            let places = places.collect::<Result<Vec<_>, _>>()?;
            let core =
                timeout(PATIENCE, self.cores.clone().acquire_owned()).await.map_err(|_| NotRun::Busy)??;
            // The permits go with the work: a request that is given up makes no room before its work has ended.
            let done = spawn_blocking(move || {
                let _held = (places, core);
                work()
            });
            Ok::<_, NotRun>(done.await?)
        };
        run.await?
    }
}

fn cores() -> usize {
    available_parallelism().map_or(1, NonZero::get)
}

/// Lets a few requests of a kind work at a time, where many may come in one instant: the rest wait here, and not before the database
/// and the cores, where they would stand in front of everybody else. Clones are the same turns.
#[derive(Clone)]
pub struct Turns(Arc<Semaphore>);

/// A request's turn, until it is dropped.
pub struct Turn {
    turns: Turns,
    /// `None` while it is [away](Self::away).
    place: Option<OwnedSemaphorePermit>,
}

impl Turns {
    /// Two for each core: while one waits for the disk another can go on.
    pub fn new() -> Self {
        Self::of(2 * cores())
    }

    fn of(width: usize) -> Self {
        Self(Arc::new(Semaphore::new(width)))
    }

    /// Waits for a turn. Whoever came first is first.
    pub async fn turn(&self) -> Turn {
        Turn { turns: self.clone(), place: self.place().await }
    }

    /// The semaphore is never closed, so there is always a permit in the end.
    async fn place(&self) -> Option<OwnedSemaphorePermit> {
        self.0.clone().acquire_owned().await.ok()
    }
}

impl Default for Turns {
    fn default() -> Self {
        Self::new()
    }
}

impl Turn {
    /// Waits for somebody else, in whose time others have this turn; then for another turn.
    pub async fn away<T>(&mut self, wait: impl Future<Output = T>) -> T {
        self.place = None;
        let done = wait.await;
        self.place = self.turns.place().await;
        done
    }
}

#[cfg(test)]
mod tests {
    use std::{
        pin::Pin,
        sync::mpsc,
        task::{Context, Poll, Waker},
        time::Duration,
    };

    use tokio::{sync::oneshot, task::JoinHandle, time::timeout};

    use super::*;

    /// Work that has been started and waits for a word to end.
    async fn started(lane: &Lane) -> (mpsc::Sender<()>, JoinHandle<Result<(), NotRun>>) {
        let (go, wait) = mpsc::channel::<()>();
        let (begun, begins) = oneshot::channel();
        let lane = lane.clone();
        let task = tokio::spawn(async move {
            lane.run(move || {
                begun.send(()).unwrap();
                wait.recv().map_err(|_| NotRun::Lost)
            })
            .await
        });
        begins.await.unwrap();
        (go, task)
    }

    /// Adds work until there is no more room, and gives what was let in.
    async fn fill(lane: &Lane) -> Vec<JoinHandle<Result<(), NotRun>>> {
        let mut waiting = Vec::new();
        while lane.places.iter().all(|places| places.available_permits() > 0) {
            let door = lane.clone();
            let left: Vec<_> = lane.places.iter().map(|places| places.available_permits()).collect();
            waiting.push(tokio::spawn(async move { door.run(|| Ok(())).await }));
            let taken = async {
                while lane.places.iter().zip(&left).any(|(places, left)| places.available_permits() == *left)
                {
                    tokio::task::yield_now().await;
                }
            };
            timeout(Duration::from_secs(10), taken).await.expect("it is let in");
        }
        waiting
    }

    async fn is_full(lane: &Lane) -> bool {
        matches!(lane.run(|| Ok::<_, NotRun>(())).await, Err(NotRun::Busy))
    }

    #[tokio::test]
    async fn a_full_lane_says_busy_and_a_panic_frees_its_place() {
        let lane = Lane::of(1, 4);
        let (go, first) = started(&lane).await;
        let door = lane.clone();
        let second = tokio::spawn(async move {
            door.run(|| -> Result<(), NotRun> { panic!("as XML libraries do") }).await
        });
        let rest = fill(&lane).await;
        assert!(is_full(&lane).await);
        go.send(()).unwrap();
        assert!(first.await.unwrap().is_ok());
        assert!(matches!(second.await.unwrap(), Err(NotRun::Lost)));
        for waiting in rest {
            assert!(waiting.await.unwrap().is_ok());
        }
        assert_eq!((lane.places[0].available_permits(), lane.cores.available_permits()), (5, 1));
    }

    /// Attack 23: nobody waits without an end, and who gave up leaves their place to others.
    #[tokio::test]
    async fn a23_work_that_waits_for_too_long_is_told_that_it_is_busy_and_gives_its_place_up() {
        let lane = Lane::of(1, 1);
        let (go, first) = started(&lane).await;
        let began = std::time::Instant::now();
        let told = timeout(2 * PATIENCE, lane.run(|| Ok::<_, NotRun>(()))).await.expect("it ends");
        assert!(matches!(told, Err(NotRun::Busy)));
        assert!(began.elapsed() >= PATIENCE, "it had its time");
        assert_eq!(lane.places[0].available_permits(), 1);
        // The twin: what has begun may take as long as it takes, and the next in time has its turn.
        let door = lane.clone();
        let next = tokio::spawn(async move { door.run(|| Ok::<_, NotRun>(())).await });
        go.send(()).unwrap();
        assert!(first.await.unwrap().is_ok() && next.await.unwrap().is_ok());
    }

    #[tokio::test]
    async fn work_through_the_narrow_door_leaves_half_of_the_places_to_others() {
        let lane = Lane::of(1, 7);
        let narrow = lane.half();
        let (go, first) = started(&narrow).await;
        let through = fill(&narrow).await;
        assert_eq!(through.len(), 3, "one runs and three wait");
        assert!(is_full(&narrow).await);
        let others = fill(&lane).await;
        assert_eq!(others.len(), 4, "as many as before anybody came through the narrow door");
        assert!(is_full(&lane).await);
        go.send(()).unwrap();
        assert!(first.await.unwrap().is_ok());
        for waiting in through.into_iter().chain(others) {
            assert!(waiting.await.unwrap().is_ok());
        }
    }

    #[tokio::test]
    async fn work_that_nobody_waits_for_keeps_its_place_until_it_has_ended() {
        let lane = Lane::of(1, 0);
        let (go, task) = started(&lane).await;
        task.abort();
        assert!(task.await.unwrap_err().is_cancelled());
        assert!(is_full(&lane).await);
        go.send(()).unwrap();
        let free = async {
            while is_full(&lane).await {
                tokio::task::yield_now().await;
            }
        };
        timeout(Duration::from_secs(10), free).await.expect("it ends");
    }

    #[tokio::test]
    async fn so_many_have_a_turn_and_who_is_away_gives_it_to_others() {
        let turns = Turns::of(2);
        let free = || turns.0.available_permits();
        let (mut first, second) = (turns.turn().await, turns.turn().await);
        assert_eq!(free(), 0);
        let mut third = Box::pin(turns.turn());
        assert!(now(&mut third).is_none(), "a third turn of two");
        let (back, comes_back) = oneshot::channel::<()>();
        let mut away = Box::pin(first.away(comes_back));
        assert!(now(&mut away).is_none());
        let third = now(&mut third).expect("the turn of who is away");
        back.send(()).unwrap();
        assert!(now(&mut away).is_none(), "back without a turn");
        drop(second);
        assert_eq!(now(&mut away).expect("the turn of who went"), Ok(()));
        drop(away);
        assert_eq!(free(), 0);
        drop((first, third));
        assert_eq!(free(), 2);
    }

    /// What comes of a future now, if anything does.
    fn now<F: Future + Unpin>(future: &mut F) -> Option<F::Output> {
        match Pin::new(future).poll(&mut Context::from_waker(Waker::noop())) {
            Poll::Ready(done) => Some(done),
            Poll::Pending => None,
        }
    }
}
