//! A request that is good, bent in one thing at a time; and the list of what was bent so, where.

use std::collections::BTreeSet;

use crate::{
    bad_input::{BENDS, Bend, assert_calm, assert_json_error, bent},
    bad_input_doors::{ASKED, AT_DESK, CLIENT, assert_nothing_new, kept},
    bad_input_grants::{EXCHANGE, PROGRAM},
    bad_input_wire::{Raw, post},
    house::House,
};

/// Which test bends which parameters of which door, beside those of logins. Each asserts its own row by [`assert_swept`].
pub const SWEPT: &[(&str, &str, &[&str])] = &[
    ("every_parameter_of_authorize_bent_is_a_page_or_an_error_to_the_client", "/authorize", ASKED_PLAINLY),
    ("the_parameters_that_only_some_requests_have_are_bent_at_authorize_too", "/authorize", ASKED_RARELY),
    ("every_parameter_of_a_pushed_request_bent_is_an_error_and_nothing_is_kept", "/par", ASKED),
    ("every_parameter_of_token_bent_is_an_error_and_burns_nothing", "/token", CODE),
    ("every_parameter_of_token_bent_is_an_error_and_burns_nothing", "/token", REFRESH),
    ("every_parameter_of_an_exchange_bent_is_an_error_and_the_good_one_is_answered", "/token", EXCHANGE),
    ("every_parameter_of_a_program_bent_is_an_error_and_the_good_one_is_answered", "/token", PROGRAM),
    ("every_parameter_of_introspection_and_revocation_bent_tells_and_ends_nothing", "/introspect", TOLD),
    ("every_parameter_of_introspection_and_revocation_bent_tells_and_ends_nothing", "/revoke", TOLD),
    ("the_proof_of_a_client_with_a_secret_bent_opens_no_door", "/token", CLIENT),
    ("the_proof_of_a_client_with_a_secret_bent_opens_no_door", "/par", CLIENT),
    ("the_proof_of_a_client_with_a_secret_bent_opens_no_door", "/introspect", CLIENT),
    ("the_proof_of_a_client_with_a_secret_bent_opens_no_door", "/revoke", CLIENT),
    ("the_proof_of_a_client_with_a_key_bent_opens_no_door", "/token", CLIENT),
    ("the_proof_of_a_client_with_a_key_bent_opens_no_door", "/par", CLIENT),
    ("the_proof_of_a_client_with_a_key_bent_opens_no_door", "/introspect", CLIENT),
    ("the_proof_of_a_client_with_a_key_bent_opens_no_door", "/revoke", CLIENT),
    ("a_bent_token_for_userinfo_changes_nothing", "/userinfo", &["access_token"]),
    ("every_parameter_of_a_sign_out_bent_signs_nobody_out", "/logout", OUT),
    ("every_parameter_of_the_way_back_from_digid_bent_promises_nothing", "/digid/logout", BACK_FROM_DIGID),
    ("what_a_login_for_the_page_came_to_bent_is_a_page", "/account", &["error"]),
    ("every_field_of_the_forms_bent_is_refused_and_ends_nothing", "/account/password", &["csrf", "password"]),
    ("every_field_of_the_forms_bent_is_refused_and_ends_nothing", "/account/app", &["csrf", "offer", "code"]),
    ("every_field_of_the_forms_bent_is_refused_and_ends_nothing", "/account/app/remove", &["csrf"]),
    (
        "every_field_of_the_forms_about_mandates_bent_is_refused_and_changes_nothing",
        "/account/mandates",
        &["error"],
    ),
    (
        "every_field_of_the_forms_about_mandates_bent_is_refused_and_changes_nothing",
        "/account/mandates/agree",
        &["csrf", "error", "mandate"],
    ),
    (
        "every_field_of_the_forms_about_mandates_bent_is_refused_and_changes_nothing",
        "/account/mandates/refuse",
        &["csrf", "mandate"],
    ),
    (
        "every_field_of_the_forms_about_mandates_bent_is_refused_and_changes_nothing",
        "/account/mandates/stop",
        &["csrf", "mandate"],
    ),
    (
        "every_field_of_the_forms_of_a_grant_bent_is_refused_and_changes_nothing",
        "/account/mandates/offer",
        &["csrf", "label", "days"],
    ),
    (
        "every_field_of_the_forms_of_a_grant_bent_is_refused_and_changes_nothing",
        "/account/mandates/code",
        &["csrf", "code"],
    ),
    (
        "every_field_of_the_forms_of_a_grant_bent_is_refused_and_changes_nothing",
        "/account/mandates/accept",
        &["csrf", "mandate"],
    ),
    (
        "every_field_of_the_forms_of_a_grant_bent_is_refused_and_changes_nothing",
        "/account/mandates/confirm",
        &["csrf", "mandate"],
    ),
    (
        "every_field_of_the_forms_of_a_grant_bent_is_refused_and_changes_nothing",
        "/account/mandates/decline",
        &["csrf", "mandate"],
    ),
    (
        "every_field_of_the_forms_about_mandates_bent_is_refused_and_changes_nothing",
        "/account/log",
        &["before", "error"],
    ),
    (
        "every_field_of_the_forms_of_ones_own_data_bent_is_refused_and_changes_nothing",
        "/account/digid/link",
        &["csrf"],
    ),
    (
        "every_field_of_the_forms_of_ones_own_data_bent_is_refused_and_changes_nothing",
        "/account/digid/unlink",
        &["csrf"],
    ),
    (
        "every_field_of_the_forms_of_ones_own_data_bent_is_refused_and_changes_nothing",
        "/account/merge",
        &["csrf"],
    ),
    (
        "every_field_of_the_forms_of_ones_own_data_bent_is_refused_and_changes_nothing",
        "/account/merge/begin",
        &["csrf"],
    ),
    (
        "every_field_of_the_forms_of_ones_own_data_bent_is_refused_and_changes_nothing",
        "/account/email",
        &["csrf", "email"],
    ),
    (
        "every_field_of_the_forms_of_ones_own_data_bent_is_refused_and_changes_nothing",
        "/account/email/code",
        &["csrf", "code"],
    ),
    (
        "every_field_of_the_forms_of_ones_own_data_bent_is_refused_and_changes_nothing",
        "/account/erase",
        &["csrf", "email"],
    ),
    (
        "every_field_of_the_forms_of_ones_own_data_bent_is_refused_and_changes_nothing",
        "/account/export",
        &["csrf", "kind"],
    ),
    (
        "every_field_of_the_forms_of_ones_own_data_bent_is_refused_and_changes_nothing",
        "/account/portals/withdraw",
        &["csrf", "client"],
    ),
    (
        "every_field_of_the_forms_of_ones_own_data_bent_is_refused_and_changes_nothing",
        "/account/portals/device",
        &["csrf", "grant"],
    ),
    ("every_field_of_the_forms_bent_is_refused_and_ends_nothing", "/account/sign-out", &["csrf", "sid"]),
    ("every_field_of_the_forms_bent_is_refused_and_ends_nothing", "/account/sign-out-others", &["csrf"]),
    ("every_field_of_the_forms_bent_is_refused_and_ends_nothing", "/account/sign-out-everywhere", &["csrf"]),
    (
        "every_field_of_the_forms_of_the_desk_bent_is_refused_and_changes_nothing",
        "/desk",
        &["error", "again"],
    ),
    (
        "every_field_of_the_forms_of_the_desk_bent_is_refused_and_changes_nothing",
        "/desk/search",
        &["csrf", "bsn", "number"],
    ),
    ("every_field_of_the_forms_of_the_desk_bent_is_refused_and_changes_nothing", "/desk/register", AT_DESK),
    (
        "every_field_of_the_forms_of_the_desk_bent_is_refused_and_changes_nothing",
        "/desk/person/{id}/correct",
        &["csrf", "birth", "bsn", "number", "evidence"],
    ),
    (
        "every_field_of_the_forms_of_the_desk_bent_is_refused_and_changes_nothing",
        "/desk/person/{id}/same-person",
        &["csrf", "other", "birth", "known", "evidence"],
    ),
    (
        "every_field_of_the_forms_of_the_desk_bent_is_refused_and_changes_nothing",
        "/desk/person/{id}/block",
        &["csrf", "other", "unknown", "reason"],
    ),
    (
        "every_field_of_the_forms_of_the_desk_bent_is_refused_and_changes_nothing",
        "/desk/person/{id}/unblock",
        &["csrf", "representative"],
    ),
    (
        "every_field_of_the_forms_of_the_desk_bent_is_refused_and_changes_nothing",
        "/desk/correction/{id}/same-person",
        &["csrf", "birth", "known", "other"],
    ),
    (
        "every_field_of_the_forms_of_the_desk_bent_is_refused_and_changes_nothing",
        "/desk/correction/{id}/approve",
        &["csrf", "birth", "bsn", "number"],
    ),
    (
        "every_field_of_the_forms_of_the_desk_bent_is_refused_and_changes_nothing",
        "/desk/correction/{id}/withdraw",
        &["csrf"],
    ),
    (
        "every_field_of_the_forms_of_the_desk_bent_is_refused_and_changes_nothing",
        "/desk/mandate/{id}/approve",
        &["csrf", "bsn", "birth", "represented"],
    ),
    (
        "every_field_of_the_forms_of_the_desk_bent_is_refused_and_changes_nothing",
        "/desk/mandate/{id}/refuse",
        &["csrf", "why"],
    ),
    (
        "every_field_of_the_forms_of_the_desk_bent_is_refused_and_changes_nothing",
        "/desk/mandate/{id}/attest",
        &["csrf", "evidence", "ends"],
    ),
    (
        "every_field_of_the_forms_of_the_desk_bent_is_refused_and_changes_nothing",
        "/desk/mandate/{id}/confirm",
        &["csrf", "basis"],
    ),
    (
        "every_field_of_the_forms_of_the_desk_bent_is_refused_and_changes_nothing",
        "/desk/mandate/{id}/end",
        &["csrf", "basis"],
    ),
    (
        "every_field_of_the_forms_of_the_desk_bent_is_refused_and_changes_nothing",
        "/desk/mandate/{id}/revoke",
        &["csrf"],
    ),
    (
        "every_field_of_the_forms_of_the_desk_bent_is_refused_and_changes_nothing",
        "/desk/mandate/{id}/said",
        &["csrf", "party", "word"],
    ),
    (
        "every_field_of_the_forms_of_the_desk_bent_is_refused_and_changes_nothing",
        "/desk/mandate/{id}/block",
        &["csrf", "reason"],
    ),
    (
        "every_field_of_the_forms_of_the_desk_bent_is_refused_and_changes_nothing",
        "/desk/mandate/{id}/unblock",
        &["csrf"],
    ),
    (
        "every_field_of_the_forms_of_the_desk_bent_is_refused_and_changes_nothing",
        "/desk/log",
        &["csrf", "bsn", "number", "person", "at", "line"],
    ),
    (
        "every_field_of_the_forms_of_the_desk_bent_is_refused_and_changes_nothing",
        "/desk/staff",
        &["csrf", "email", "department", "registrar", "approver", "officer", "auditor"],
    ),
    ("every_field_of_the_forms_of_the_desk_bent_is_refused_and_changes_nothing", "/desk/staff", &["error"]),
    (
        "every_field_of_the_forms_of_the_desk_bent_is_refused_and_changes_nothing",
        "/desk/staff/{id}/approve",
        &["csrf", "email"],
    ),
    (
        "every_field_of_the_forms_of_the_desk_bent_is_refused_and_changes_nothing",
        "/desk/staff/{id}/end",
        &["csrf"],
    ),
    ("what_comes_to_the_consumer_service_bent_ends_in_a_page", "/digid/acs", &["SAMLart", "RelayState"]),
];
/// What only some requests bring, and the rest.
const ASKED_RARELY: &[&str] = &["request", "request_uri", "registration", "dpop_jkt"];
const ASKED_PLAINLY: &[&str] = ASKED.split_at(ASKED.len() - ASKED_RARELY.len()).0;
const CODE: &[&str] = &["grant_type", "code", "redirect_uri", "code_verifier"];
const REFRESH: &[&str] = &["grant_type", "refresh_token", "scope"];
pub const OUT: &[&str] =
    &["id_token_hint", "client_id", "post_logout_redirect_uri", "state", "ui_locales", "csrf"];
const BACK_FROM_DIGID: &[&str] = &["SAMLResponse", "RelayState"];
const TOLD: &[&str] = &["token", "token_type_hint"];

/// Says what a test bent: it must be what the table says.
pub fn assert_swept<'n>(test: &str, door: &str, names: impl IntoIterator<Item = &'n str>) {
    let names: BTreeSet<_> = names.into_iter().collect();
    let listed = SWEPT.iter().any(|(by, path, all)| {
        (*by, *path) == (test, door) && all.iter().copied().collect::<BTreeSet<_>>() == names
    });
    assert!(listed, "the table says something else of {test} at {door}: it bends {names:?}");
}

/// A form that a door accepts, by that header. What `form` is told: whether it is to be refused.
pub struct Good<'a> {
    /// The test, for [`SWEPT`].
    pub test: &'a str,
    pub house: &'a House,
    pub path: &'a str,
    pub headers: &'a str,
    pub form: &'a dyn Fn(bool) -> Vec<(&'static str, String)>,
    /// Whether that is how the door answers a good one.
    pub is_answer: &'a dyn Fn(&Raw) -> bool,
}

impl Good<'_> {
    async fn send(&self, bend: Option<(&'static str, Bend)>, refused: bool) -> Raw {
        let mut form = (self.form)(refused);
        let at = bend.map(|(name, _)| {
            form.iter().position(|(known, _)| *known == name).unwrap_or_else(|| {
                // One that no good request has: it spoils this one, unless it is left out or empty.
                form.push((name, "x".to_owned()));
                form.len() - 1
            })
        });
        let pairs: Vec<_> = form.iter().map(|(name, value)| (*name, value.as_str())).collect();
        // Where nothing is bent, no parameter has that number.
        let (at, bend) = (at.unwrap_or(pairs.len()), bend.map_or(Bend::Missing, |(_, bend)| bend));
        post(self.house, self.path, &bent(&pairs, at, bend), self.headers).await
    }

    async fn assert_accepted(&self, bend: Option<(&'static str, Bend)>) {
        let raw = self.send(bend, false).await;
        assert!((self.is_answer)(&raw), "{} {bend:?}: {raw:?}", self.path);
    }

    /// Bends each of `names` in every way: an error that is specified, and nothing is kept of it, but for what is harmless.
    /// The same unbent is accepted before and after.
    pub async fn sweep(&self, names: &[&'static str], is_harmless: impl Fn(&str, Bend) -> bool) {
        assert_swept(self.test, self.path, names.iter().copied());
        self.assert_accepted(None).await;
        let (harmless, bad): (Vec<_>, Vec<_>) = names
            .iter()
            .flat_map(|name| BENDS.map(|bend| (*name, bend)))
            .partition(|(name, bend)| is_harmless(name, *bend));
        let before = kept(self.house);
        for (name, bend) in bad {
            let raw = self.send(Some((name, bend)), true).await;
            assert_json_error(&raw, &format!("{} {name} {bend:?}", self.path), &[400, 401]);
        }
        assert_nothing_new(self.house, &before, self.path);
        for one in harmless {
            self.assert_accepted(Some(one)).await;
        }
        self.assert_accepted(None).await;
        assert_calm(self.house);
    }
}
