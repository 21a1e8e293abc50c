//! A CSV file, read line by line in bounded memory, as often as is wanted.

use std::{
    fs::File,
    io::{self, Read, Seek, SeekFrom},
    path::{Path, PathBuf},
};

use csv::{ByteRecord, Reader, ReaderBuilder, Terminator};

use crate::{
    domain::{
        fault::Fault,
        import::{Finding, MOST_LINES, Row, What, Why},
        secret::Secret,
    },
    flows::import::Rows,
};

/// The longest line, in bytes, as far as was not read ahead.
const LONGEST: u64 = 64 * 1024;
/// How much is read at once, in bytes.
const AT_ONCE: usize = 64 * 1024;

/// A file that cannot be imported at all.
#[derive(Debug, thiserror::Error)]
#[error("{} cannot be imported: {why}", path.display())]
pub(super) struct Unfit {
    path: PathBuf,
    why: Cause,
}

#[derive(Debug, thiserror::Error)]
enum Cause {
    #[error("{0}")]
    Io(io::Error),
    #[error("this is no file")]
    NoFile,
    #[error("the first line must name the columns, in UTF-8 and with ; or , between them")]
    NoHeader,
    #[error("cell {0} of the first line names no column of this kind: the columns are {1}")]
    NoColumn(usize, String),
    #[error("the first line names the column {0} twice")]
    Twice(&'static str),
    #[error("the first line lacks the column {0}: the columns are {1}")]
    Lacks(&'static str, String),
}

/// A file's reader that gives no more than a line may be long, and what it has read ahead.
struct Bounded {
    file: File,
    given: u64,
}

impl Read for Bounded {
    fn read(&mut self, into: &mut [u8]) -> io::Result<usize> {
        if self.given > LONGEST {
            return Err(io::ErrorKind::InvalidData.into());
        }
        let count = self.file.read(into)?;
        self.given = self.given.saturating_add(u64::try_from(count).unwrap_or(u64::MAX));
        Ok(count)
    }
}

/// The lines of a file below its first, which names the columns.
pub(super) struct CsvFile {
    what: What,
    file: File,
    size: u64,
    ends_in_a_line: bool,
    separator: u8,
    reader: Reader<Bounded>,
    record: ByteRecord,
    /// Of each column of the file, which one it is.
    columns: Vec<usize>,
    lines: u64,
    is_over: bool,
}

impl CsvFile {
    /// Opens a file and reads its first line.
    pub(super) fn open(path: &Path, what: What) -> Result<Self, Unfit> {
        let unfit = |why| Unfit { path: path.to_owned(), why };
        let io = |error| unfit(Cause::Io(error));
        // A pipe or a device is never over, or cannot be read twice.
        if !path.metadata().map_err(io)?.is_file() {
            return Err(unfit(Cause::NoFile));
        }
        let mut file = File::open(path).map_err(io)?;
        let size = file.metadata().map_err(io)?.len();
        let separator = separator(&mut file).map_err(io)?;
        let ends_in_a_line = size == 0 || last_byte(&mut file).map_err(io)? == Some(b'\n');
        let reader = reader(&file, separator).map_err(io)?;
        let record = ByteRecord::new();
        let columns = Vec::new();
        let mut new = Self {
            what,
            file,
            size,
            ends_in_a_line,
            separator,
            reader,
            record,
            columns,
            lines: 0,
            is_over: false,
        };
        new.columns = new.header().map_err(unfit)?;
        Ok(new)
    }

    /// Reads the first line.
    fn header(&mut self) -> Result<Vec<usize>, Cause> {
        let all = self.what.columns();
        let list = || all.join(", ");
        if !self.reader.read_byte_record(&mut self.record).map_err(|_| Cause::NoHeader)? {
            return Err(Cause::NoHeader);
        }
        let mut columns = Vec::new();
        for (at, cell) in self.record.iter().enumerate() {
            let name = std::str::from_utf8(cell).map_err(|_| Cause::NoHeader)?.trim().to_ascii_lowercase();
            let found = all.iter().position(|one| *one == name);
            // A file without names has a person in its first line: nothing of them is repeated.
            let column = found.ok_or_else(|| Cause::NoColumn(at + 1, list()))?;
            if columns.contains(&column) {
                return Err(Cause::Twice(all.get(column).copied().unwrap_or_default()));
            }
            columns.push(column);
        }
        let lacks = |(at, name): (usize, &&'static str)| !columns.contains(&at) && !self.what.may_lack(name);
        match all.iter().enumerate().find(|one| lacks(*one)) {
            Some((_, name)) => Err(Cause::Lacks(name, list())),
            None => Ok(columns),
        }
    }

    /// The number of the line in which the record that was just read begins.
    fn line(&self) -> u64 {
        let behind = self.reader.position();
        let unended = behind.byte() >= self.size && !self.ends_in_a_line;
        let inside = self.record.as_slice().split(|byte| *byte == b'\n').count().saturating_sub(1);
        behind.line().saturating_sub(u64::try_from(inside).unwrap_or(0)).saturating_sub(u64::from(!unended))
    }

    /// The record as a row.
    fn row(&self) -> Result<Row, Finding> {
        let line = self.line();
        let wrong = |column, why| Finding { line, column, why };
        if self.record.len() != self.columns.len() {
            return Err(wrong(None, Why::Cells(self.record.len(), self.columns.len())));
        }
        let mut cells = vec![Secret::default(); self.what.columns().len()];
        for (bytes, column) in self.record.iter().zip(&self.columns) {
            let name = self.what.columns().get(*column).copied();
            let text = std::str::from_utf8(bytes).map_err(|_| wrong(name, Why::NotUtf8))?;
            if let Some(cell) = cells.get_mut(*column) {
                *cell = Secret::new(text.trim());
            }
        }
        Ok(Row::new(line, self.what, cells))
    }

    /// The last that is told of this file.
    fn over(&mut self, why: Why) -> Finding {
        self.is_over = true;
        Finding { line: self.reader.position().line(), column: None, why }
    }
}

impl Rows for CsvFile {
    fn rewind(&mut self) -> Result<(), Fault> {
        self.reader = reader(&self.file, self.separator)?;
        self.reader.read_byte_record(&mut self.record)?;
        (self.lines, self.is_over) = (0, false);
        Ok(())
    }

    fn next(&mut self) -> Result<Option<Result<Row, Finding>>, Fault> {
        while !self.is_over {
            self.reader.get_mut().given = 0;
            match self.reader.read_byte_record(&mut self.record) {
                Ok(true) => {}
                Ok(false) => self.is_over = true,
                Err(_) if self.reader.get_ref().given > LONGEST => {
                    return Ok(Some(Err(self.over(Why::TooLong))));
                }
                Err(error) => return Err(error.into()),
            }
            // An empty line, as spreadsheets leave some behind.
            if self.is_over || (self.record.len() == 1 && self.record.as_slice().trim_ascii().is_empty()) {
                continue;
            }
            self.lines += 1;
            if self.lines > MOST_LINES {
                return Ok(Some(Err(self.over(Why::TooMany))));
            }
            return Ok(Some(self.row()));
        }
        Ok(None)
    }

    fn percent(&self) -> u64 {
        (self.reader.position().byte().saturating_mul(100)).checked_div(self.size).unwrap_or(100).min(100)
    }
}

fn reader(file: &File, separator: u8) -> io::Result<Reader<Bounded>> {
    let mut file = file.try_clone()?;
    file.seek(SeekFrom::Start(0))?;
    Ok(ReaderBuilder::new()
        .has_headers(false)
        // Whether a line has all its cells is told with its number; what ends in CR LF has its CR trimmed.
        .flexible(true)
        .terminator(Terminator::Any(b'\n'))
        .delimiter(separator)
        .buffer_capacity(AT_ONCE)
        .from_reader(Bounded { file, given: 0 }))
}

/// What stands between cells: a Dutch Excel writes `;`.
fn separator(file: &mut File) -> io::Result<u8> {
    let mut begin = Vec::new();
    file.take(LONGEST).read_to_end(&mut begin)?;
    let first = begin.split(|byte| *byte == b'\n').next().unwrap_or_default();
    Ok(if first.contains(&b';') { b';' } else { b',' })
}

fn last_byte(file: &mut File) -> io::Result<Option<u8>> {
    file.seek(SeekFrom::End(-1))?;
    let mut last = Vec::new();
    file.read_to_end(&mut last)?;
    Ok(last.last().copied())
}
