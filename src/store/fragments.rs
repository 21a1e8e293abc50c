//! Conditions that several statements share, so that each is said once.

use crate::domain::four_eyes::LONGEST_WAIT;

/// A mandate that is not over, but for the ages of its people: not revoked, not lapsed by a correction, not past its end, and not void because
/// nobody approved it in time. `$m` is the alias of its row, `$now` is now.
macro_rules! runs {
    ($m:literal, $now:literal) => {
        concat!($m, ".lapsed_at IS NULL AND ", $crate::store::fragments::is_open!($m, $now))
    };
}

/// The same whether or not a correction of a date of birth made it lapse: what one that does so right now ends.
macro_rules! is_open {
    ($m:literal, $now:literal) => {
        concat!(
            $m,
            ".revoked_at IS NULL AND COALESCE(",
            $m,
            ".ends, ",
            $now,
            " + 1) > ",
            $now,
            " AND (",
            $m,
            ".approved_at IS NOT NULL OR ",
            $m,
            ".registered_at > ",
            $now,
            " - 2592000)"
        )
    };
}

const _: () = assert!(LONGEST_WAIT == 2_592_000, "what `runs` says");

/// The same with the age at which parental ones end. `$p` is the alias of the person represented, `$day` what `birth::latest_of` says of it.
macro_rules! not_over {
    ($m:literal, $p:literal, $now:literal, $day:literal) => {
        concat!(
            $crate::store::fragments::runs!($m, $now),
            " AND NOT (",
            $m,
            ".relation IN ('parent', 'guardian') AND COALESCE(",
            $p,
            ".birth, '9999') <= ",
            $day,
            ")"
        )
    };
}

/// The account of a member of staff, `$by`, is of one of these people, or of somebody who acts for one of them: nobody gives access in their
/// own file or their family's (`docs/adr/0041`). `$people` are columns, each with its table.
macro_rules! own_people {
    ($by:literal, $people:literal, $now:literal) => {
        concat!(
            "EXISTS (SELECT 1 FROM accounts o WHERE ",
            $by,
            " LIKE 'member:%' AND o.id = SUBSTR(",
            $by,
            ", 8) AND (o.person_id IN (",
            $people,
            ") OR EXISTS (SELECT 1 FROM mandates f WHERE f.representative = o.person_id AND f.represented IN (",
            $people,
            ") AND ",
            $crate::store::fragments::runs!("f", $now),
            ")))"
        )
    };
}

/// `$by` is the second pair of eyes for what `$first` asked for: another name, of the same kind (`four_eyes::is_second`).
macro_rules! is_second {
    ($by:literal, $first:literal) => {
        concat!(
            $first,
            " <> ",
            $by,
            " AND (",
            $by,
            " LIKE 'client:%') = (",
            $first,
            " LIKE 'client:%') AND (",
            $by,
            " LIKE 'member:%') = (",
            $first,
            " LIKE 'member:%')"
        )
    };
}

pub(crate) use {is_open, is_second, not_over, own_people, runs};
