use std::{fs, path::PathBuf};

use super::*;
use crate::{
    domain::{
        id::random,
        import::{PersonLine, Why, person_line},
        time::Timestamp,
    },
    flows::import::Rows,
};

struct Folder(PathBuf);

impl Folder {
    fn new() -> Self {
        let path = std::env::temp_dir().join(format!("namens-import-{}", random::<9>()));
        fs::create_dir_all(&path).unwrap();
        Self(path)
    }

    fn file(&self, bytes: &[u8]) -> PathBuf {
        let path = self.0.join("persons.csv");
        fs::write(&path, bytes).unwrap();
        path
    }
}

impl Drop for Folder {
    fn drop(&mut self) {
        let _ = fs::remove_dir_all(&self.0);
    }
}

/// A line as it was read: its number with what stands there, or what is wrong.
type Read = Result<Line, Finding>;
type Line = (u64, Option<String>, String);

fn all(file: &mut CsvFile) -> Vec<Read> {
    let mut found = Vec::new();
    while let Some(row) = file.next().unwrap() {
        found.push(row.map(|row| {
            let PersonLine { number, name, .. } = person_line(&row, Timestamp::from_epoch(1_800_000_000))
                .unwrap_or_else(|why| panic!("{why:?}"));
            (row.line(), number.map(|number| number.to_string()), name)
        }));
    }
    found
}

fn read(bytes: &[u8]) -> Vec<Read> {
    let folder = Folder::new();
    let mut file = CsvFile::open(&folder.file(bytes), What::Persons).unwrap();
    let first = all(&mut file);
    file.rewind().unwrap();
    assert_eq!(all(&mut file), first, "the second time is as the first");
    first
}

fn refused(bytes: &[u8]) -> String {
    let folder = Folder::new();
    let told = CsvFile::open(&folder.file(bytes), What::Persons).err().unwrap().to_string();
    told.split_once("cannot be imported: ").unwrap().1.to_owned()
}

fn line(number: u64, patient: &str, name: &str) -> Line {
    (number, Some(patient.to_owned()), name.to_owned())
}

#[test]
fn a_file_is_read_as_spreadsheets_write_it_and_each_line_has_its_number() {
    let two = [line(2, "1", "Sam"), line(3, "2", "Noor")].map(Ok);
    assert_eq!(read(b"patient_number,name\n1,Sam\n2,Noor\n"), two);
    // As a Dutch Excel writes it: a mark in front, `;`, CR LF, and columns in another order.
    assert_eq!(read(b"\xef\xbb\xbfName ; Patient_Number\r\nSam;1\r\n\"Noor\";\"2\"\r\n"), two);
    assert_eq!(read(b"patient_number,name\n1,Sam\n2,Noor"), two, "without an end of the last line");
    assert_eq!(
        read(b"patient_number;name\n\n1;\"Sam \"\"S\"\"; de Vries\"\n\r\n \n2;Noor\n"),
        [line(3, "1", "Sam \"S\"; de Vries"), line(6, "2", "Noor")].map(Ok)
    );
    assert_eq!(read(b"patient_number,name\n"), []);
    assert_eq!(read(b"patient_number,name"), []);
}

#[test]
fn a_line_that_is_none_is_named_and_the_next_one_is_read() {
    let wrong = |line, column, why| Err(Finding { line, column, why });
    assert_eq!(
        read(b"patient_number,name\n1\n2,Noor,x\n3,\xe9\n4,Sam\n"),
        [
            wrong(2, None, Why::Cells(1, 2)),
            wrong(3, None, Why::Cells(3, 2)),
            wrong(4, Some("name"), Why::NotUtf8),
            Ok(line(5, "4", "Sam")),
        ]
    );
}

#[test]
fn a_quotation_mark_that_is_never_closed_reads_no_more_than_a_line_may_be_long() {
    let mut text = b"patient_number,name\n1,\"Sam\n".to_vec();
    (0..20_000).for_each(|number| text.extend(format!("{number},Noor\n").as_bytes()));
    let found = read(&text);
    assert!(matches!(found[..], [Err(Finding { why: Why::TooLong, column: None, .. })]), "{found:?}");
    // The twin: the same, closed.
    let text = String::from_utf8(text).unwrap().replacen("\"Sam", "\"Sam\"", 1);
    assert_eq!(read(text.as_bytes()).len(), 20_001);
}

#[test]
fn the_first_line_names_the_columns_and_nothing_of_a_person_is_repeated() {
    assert!(refused(b"").starts_with("the first line must name the columns"));
    assert!(
        refused(b"patient_number,name,colour\n")
            .starts_with("cell 3 of the first line names no column of this kind")
    );
    assert!(refused(b"name,name\n").starts_with("the first line names the column name twice"));
    assert!(refused(b"patient_number\n").starts_with("the first line lacks the column name"));
    for first in ["111222333,Sam de Vries", "Jansen,111222333", "jansen;111222333"] {
        let told = refused(format!("{first}\n").as_bytes());
        assert!(told.starts_with("cell 1 of the first line names no column of this kind"), "{told}");
        assert!(!["111222333", "Vries", "ansen"].iter().any(|one| told.contains(one)), "{told}");
    }
    assert!(refused(b"\xff\xfen\0a\0m\0e\0\n\0").contains("UTF-8"));
    let folder = Folder::new();
    assert!(CsvFile::open(&folder.0, What::Persons).err().unwrap().to_string().ends_with("this is no file"));
}
