//! The pages of a login, in every state.

use super::Pages;
use crate::{
    domain::{
        code::{CodeFor, NoResend, WrongCode},
        login::Notice,
    },
    flows::{chooser::Candidate, email::NotOpened, register::Unusable},
    password::Unfit,
    web::{
        account_password::PasswordPage,
        choose::ChoosePage,
        chooser::ChooserPage,
        code::{CodePage, Trouble},
        email::EmailPage,
        link::LinkPage,
        page::Frame,
        recover::{NewPasswordPage, RecoverPage},
        register::RegisterPage,
    },
};

/// All of them.
pub(super) fn all(frame: &dyn Fn() -> Frame, given: &str) -> Pages {
    let mut pages = chosen(frame);
    pages.extend(typed(frame, given));
    pages.extend(codes(frame, given));
    pages.extend(for_whom(frame, given));
    pages
}

fn chosen(frame: &dyn Fn() -> Frame) -> Pages {
    let notices =
        [None, Some(Notice::DigidCancelled), Some(Notice::NobodyChosen), Some(Notice::PasswordChanged)];
    let mut pages = Pages::new();
    for notice in notices {
        for (digid_available, local_allowed) in [(true, true), (true, false), (false, true), (false, false)] {
            for (child, child_available) in [("", false), ("-child", true)] {
                for (none, may_register) in [("", true), ("-kept", false)] {
                    let frame = frame();
                    let page = ChoosePage {
                        frame,
                        digid_available,
                        child_available,
                        local_allowed,
                        may_register,
                        notice,
                    };
                    let name = format!("choose-{digid_available}-{local_allowed}-{notice:?}{child}{none}");
                    pages.push((name, page.render()));
                }
            }
        }
    }
    pages
}

fn typed(frame: &dyn Fn() -> Frame, given: &str) -> Pages {
    let mut pages = Pages::new();
    for failed in [false, true] {
        let page = EmailPage { frame: frame(), email: given.into(), failed };
        pages.push((format!("email-{failed}"), page.render()));
        let page = RecoverPage { frame: frame(), email: given.into(), bad_email: failed };
        pages.push((format!("recover-{failed}"), page.render()));
    }
    for failed in [None, Some(NotOpened::Wrong), Some(NotOpened::AnotherAccount)] {
        for adds in [false, true] {
            let page = LinkPage { frame: frame(), email: given.into(), failed, adds };
            pages.push((format!("link-{failed:?}-{adds}"), page.render()));
        }
    }
    let unfit = [Unfit::TooShort, Unfit::TooLong, Unfit::Common];
    for error in unfit.into_iter().map(Some).chain([None]) {
        let page = PasswordPage { frame: frame(), error };
        pages.push((format!("account-password-{error:?}"), page.render()));
        pages.push((format!("new-password-{error:?}"), NewPasswordPage { frame: frame(), error }.render()));
    }
    let unusable = unfit.into_iter().map(Unusable::Password).chain([Unusable::NoAddress]);
    for error in unusable.map(Some).chain([None]) {
        for has_digid in [false, true] {
            let page = RegisterPage { frame: frame(), email: given.into(), has_digid, error };
            pages.push((format!("register-{has_digid}-{error:?}"), page.render()));
        }
    }
    pages
}

fn codes(frame: &dyn Fn() -> Frame, given: &str) -> Pages {
    let troubles = [
        None,
        Some(Trouble::Wrong(WrongCode::Again { left: 3 })),
        Some(Trouble::Wrong(WrongCode::Again { left: 1 })),
        Some(Trouble::Wrong(WrongCode::Ended)),
        Some(Trouble::NotSent(NoResend::Wait(15))),
        Some(Trouble::NotSent(NoResend::Wait(1))),
        Some(Trouble::NotSent(NoResend::NoMore)),
    ];
    let mut pages = Pages::new();
    for what in [CodeFor::LogIn, CodeFor::Link, CodeFor::Register, CodeFor::Recover] {
        for trouble in troubles {
            for resent in [false, true] {
                let (masked, reference) = (given.to_owned(), "K7Q".to_owned());
                let page = CodePage { frame: frame(), what, masked, reference, resent, trouble };
                pages.push((format!("code-{what:?}-{trouble:?}-{resent}"), page.render()));
            }
        }
    }
    pages
}

/// Nothing chosen, nobody, and somebody who cannot be.
pub(super) fn for_whom(frame: &dyn Fn() -> Frame, given: &str) -> Pages {
    let person = |name: &str, year: i32| Candidate {
        sub: given.to_owned(),
        name: name.to_owned(),
        born: year.to_string(),
    };
    let people = vec![person("Sam", 2016), person(given, 1950)];
    let errors = [None, Some("for-whom-nobody"), Some("for-whom-not-them")];
    let page = |error| ChooserPage { frame: frame(), people: people.clone(), error }.render();
    errors.into_iter().map(|error| (error.unwrap_or("for-whom").to_owned(), page(error))).collect()
}
