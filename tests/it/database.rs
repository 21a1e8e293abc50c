//! The server's database, looked at and changed beside the running server: for what is shown nowhere, and for what no act of the program can
//! bring about.

use std::{path::Path, thread, time::Duration};

use sqlx::{
    AssertSqlSafe, Column, Connection, Row, SqliteConnection, TypeInfo, ValueRef,
    sqlite::{SqliteConnectOptions, SqliteRow},
};

use crate::house::House;

/// The first column of each row, as text.
pub fn query(file: &Path, statement: &str) -> Vec<String> {
    ask(file, statement).iter().map(|row| first(row, statement)).collect()
}

/// Changes the database.
pub fn change(house: &House, statement: &str) {
    ask(&house.folder.join("namens.db"), statement);
}

/// Whether somebody else is writing.
pub fn is_taken(house: &House) -> bool {
    let options =
        SqliteConnectOptions::new().filename(house.folder.join("namens.db")).busy_timeout(Duration::ZERO);
    let asked = async {
        let mut connection = SqliteConnection::connect_with(&options).await?;
        sqlx::query("BEGIN IMMEDIATE").execute(&mut connection).await?;
        sqlx::query("ROLLBACK").execute(&mut connection).await?;
        connection.close().await
    };
    let runtime = || tokio::runtime::Builder::new_current_thread().build().unwrap();
    thread::scope(|scope| scope.spawn(|| runtime().block_on(asked)).join().unwrap()).is_err()
}

/// Every row of every table, as the statement that would write it.
pub fn dump(file: &Path) -> Vec<String> {
    let tables = query(
        file,
        "SELECT name FROM sqlite_master WHERE type = 'table' AND name NOT LIKE 'sqlite_%' ORDER BY name",
    );
    let rows = tables.iter().flat_map(|table| {
        let columns =
            query(file, &format!("SELECT 'quote(\"' || name || '\")' FROM pragma_table_info('{table}')"));
        let values = columns.join(" || ',' || ");
        query(file, &format!("SELECT 'INSERT INTO \"{table}\" VALUES(' || {values} || ')' FROM \"{table}\""))
    });
    rows.collect()
}

/// Each on a thread and a connection of its own: the tests that ask wait for it where they stand.
fn ask(file: &Path, statement: &str) -> Vec<SqliteRow> {
    let options = SqliteConnectOptions::new()
        .filename(file)
        .create_if_missing(true)
        .busy_timeout(Duration::from_mins(1))
        .foreign_keys(false);
    let asked = async {
        let mut connection = SqliteConnection::connect_with(&options).await?;
        let rows = sqlx::query(AssertSqlSafe(statement)).fetch_all(&mut connection).await?;
        connection.close().await?;
        Ok::<_, sqlx::Error>(rows)
    };
    let runtime = || tokio::runtime::Builder::new_current_thread().build().unwrap();
    let rows = thread::scope(|scope| scope.spawn(|| runtime().block_on(asked)).join().unwrap());
    rows.unwrap_or_else(|error| panic!("{statement}: {error}"))
}

fn first(row: &SqliteRow, statement: &str) -> String {
    let value = row.try_get_raw(0).unwrap();
    match value.type_info().name() {
        "NULL" => "None".into(),
        "TEXT" => row.get(0),
        "INTEGER" => row.get::<i64, _>(0).to_string(),
        other => panic!("{statement}: the column {} holds {other}: ask for its hex()", row.column(0).name()),
    }
}
