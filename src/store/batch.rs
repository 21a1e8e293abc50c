//! What many ask at the same moment is done together: one statement, one commit and one write to the disk for all of them.
//! Nobody waits for others to come; while one batch is under way the next one gathers.

use std::{fmt::Write, future::Future};

use sqlx::{Row, any::AnyRow};
use tokio::sync::{mpsc, oneshot};

use crate::domain::fault::Fault;

/// How many are done together at most. Each size is a statement of its own, prepared once.
const MOST: usize = 16;
/// How many may wait; who comes later waits for a place.
const QUEUE: usize = 1024;

/// Why a batch failed. Each who asked is told: a command shows no log.
#[derive(Debug, Clone, thiserror::Error)]
#[error("{0}")]
struct Failed(String);

/// Gathers what is asked and hands it on in batches.
pub(super) struct Batches<Ask, Answer> {
    queue: mpsc::Sender<(Ask, oneshot::Sender<Result<Answer, Failed>>)>,
}

impl<Ask: Send + 'static, Answer: Send + 'static> Batches<Ask, Answer> {
    /// Starts a task that lives as long as somebody may ask. `work` answers every ask of a batch, in their order.
    pub(super) fn new<Work>(work: impl Fn(Vec<Ask>) -> Work + Send + 'static) -> Self
    where
        Work: Future<Output = Result<Vec<Answer>, Fault>> + Send + 'static,
    {
        let (queue, mut waiting) = mpsc::channel::<(Ask, oneshot::Sender<Result<Answer, Failed>>)>(QUEUE);
        tokio::spawn(async move {
            let mut batch = Vec::new();
            while waiting.recv_many(&mut batch, MOST).await > 0 {
                let (asks, askers): (Vec<_>, Vec<_>) = batch.drain(..).unzip();
                // A task of its own: a panic ends this batch and not those to come.
                match tokio::spawn(work(asks)).await.map_err(Fault::from).flatten() {
                    Ok(answers) => {
                        for (asker, answer) in askers.into_iter().zip(answers) {
                            // Who asked may have gone.
                            let _ = asker.send(Ok(answer));
                        }
                    }
                    Err(fault) => {
                        tracing::error!(%fault, asked = askers.len(), "a batch failed as a whole");
                        let failed = Failed(fault.to_string());
                        for asker in askers {
                            let _ = asker.send(Err(failed.clone()));
                        }
                    }
                }
            }
        });
        Self { queue }
    }

    /// The answer to one ask. When its batch fails, nothing of it was done.
    pub(super) async fn ask(&self, ask: Ask) -> Result<Answer, Fault> {
        let failed = || Fault::because("a batch failed: an earlier line of the log says why");
        let (asker, answer) = oneshot::channel();
        self.queue.send((ask, asker)).await.map_err(|_| failed())?;
        Ok(answer.await.map_err(|_| failed())??)
    }
}

/// What stands behind VALUES for so many rows and columns: `($1, $2), ($3, $4)`. Such a table's columns are called
/// `column1`, `column2` and so on, by SQLite and PostgreSQL alike.
pub(super) fn values(rows: usize, columns: usize) -> String {
    let mut text = String::with_capacity(rows * columns * 6);
    for place in 0..rows * columns {
        let before = match place % columns {
            0 if place == 0 => "(",
            0 => "), (",
            _ => ", ",
        };
        // Writing to a String cannot fail.
        let _ = write!(text, "{before}${}", place + 1);
    }
    text.push(')');
    text
}

/// The rows of a batch that reads, each at the place of who asked for it, which its column `place` tells; `None` for whom there is none.
pub(super) fn placed(rows: Vec<AnyRow>, asked: usize) -> Result<Vec<Option<AnyRow>>, Fault> {
    let mut found: Vec<Option<AnyRow>> = (0..asked).map(|_| None).collect();
    for row in rows {
        if let Some(place) = found.get_mut(usize::try_from(row.try_get::<i64, _>("place")?)?) {
            *place = Some(row);
        }
    }
    Ok(found)
}

#[cfg(test)]
mod tests {
    use std::sync::{Arc, Mutex};

    use super::*;

    #[test]
    fn values_are_numbered_through() {
        assert_eq!(values(1, 1), "($1)");
        assert_eq!(values(2, 3), "($1, $2, $3), ($4, $5, $6)");
    }

    /// Asks for every number at once and gives the answers, and the sizes of the batches.
    async fn ask_all(numbers: std::ops::Range<usize>) -> (Vec<Option<usize>>, Vec<usize>) {
        let sizes = Arc::new(Mutex::new(Vec::new()));
        let seen = sizes.clone();
        let batches = Arc::new(Batches::new(move |asks: Vec<usize>| {
            seen.lock().unwrap().push(asks.len());
            async move {
                assert!(!asks.contains(&1000), "a panic");
                if asks.contains(&2000) {
                    return Err(Fault::because("no"));
                }
                Ok(asks.into_iter().map(|ask| ask * 2).collect())
            }
        }));
        let asking: Vec<_> = numbers
            .map(|number| {
                let batches = batches.clone();
                tokio::spawn(async move { batches.ask(number).await.ok() })
            })
            .collect();
        let mut answers = Vec::new();
        for one in asking {
            answers.push(one.await.unwrap());
        }
        let sizes = sizes.lock().unwrap().clone();
        (answers, sizes)
    }

    #[tokio::test]
    async fn everybody_gets_their_own_answer_and_no_batch_is_too_big() {
        let (answers, sizes) = ask_all(0..100).await;
        assert_eq!(answers, (0..100).map(|number| Some(number * 2)).collect::<Vec<_>>());
        assert!(sizes.len() < 100 && sizes.iter().all(|size| *size <= MOST), "{sizes:?}");
    }

    #[tokio::test]
    async fn a_batch_that_fails_or_panics_fails_alone() {
        for bad in [1000, 2000] {
            let (answers, _) = ask_all(bad..bad + 3 * MOST).await;
            assert_eq!(answers[0], None);
            assert_eq!(answers.last(), Some(&Some((bad + 3 * MOST - 1) * 2)));
        }
    }

    #[tokio::test]
    async fn who_asked_is_told_why_the_batch_failed() {
        let batches =
            Batches::new(|_: Vec<()>| async { Err::<Vec<()>, _>(Fault::because("the disk is full")) });
        assert_eq!(batches.ask(()).await.unwrap_err().to_string(), "the disk is full");
    }
}
