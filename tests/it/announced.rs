//! What the metadata announce, value by value, each with the black-box test that shows that it works: nothing is announced
//! that no test uses, and nothing stays here that is not announced any more. And the other way: what works is announced.

use std::collections::{BTreeMap, BTreeSet};

use namens::domain::{
    ask::ResponseMode,
    assurance::Level,
    client::{AuthMethod, KeyEncryption},
    key::Algorithm,
    profile::Claim,
    scope::Scope,
};
use serde_json::Value;

use crate::{
    bad_input_doors::routes,
    bsn,
    discovery::metadata,
    house::{House, Options},
    oidc_client::{THE_PORTAL, logged_in, userinfo},
    requirements::exists,
    stsaml::routed,
};

/// Where certificates are shown.
const MTLS: &str = "https://mtls.id.example.nl";

/// A line is a member, its values, and the tests that show each of these.
const TABLE: &str = "
issuer | [issuer] | discovery::the_document_and_the_key_set_are_these_and_no_others oidc_tokens::id_tokens_of_every_algorithm_verify_with_pyjwt
authorization_endpoint | [issuer]/authorize | oidc_request::a_posted_request_is_asked_again_with_get_and_nothing_else
token_endpoint | [issuer]/token | oidc_code::a3_a_code_is_good_for_its_client_redirect_and_challenge_only
userinfo_endpoint | [issuer]/userinfo | oidc_tokens::userinfo_answers_get_and_post_with_what_the_scope_allows
jwks_uri | [issuer]/jwks | oidc_tokens::id_tokens_of_every_algorithm_verify_with_pyjwt
registration_endpoint | [issuer]/register | client_registration::a_client_registers_itself_serves_its_users_and_goes
pushed_authorization_request_endpoint | [issuer]/par | par::a_pushed_request_is_answered_as_it_was_pushed
introspection_endpoint | [issuer]/introspect | introspection::a_client_hears_of_its_own_tokens_what_they_are
revocation_endpoint | [issuer]/revoke | revocation::either_token_ends_its_whole_family_and_no_other
end_session_endpoint | [issuer]/logout | logout::f15_with_its_own_id_token_the_portal_signs_its_user_out_and_gets_them_back
mtls_endpoint_aliases.token_endpoint | [mtls]/token | mtls::a_client_shows_its_certificate_at_the_alias_and_nobody_is_asked_for_one_in_front
mtls_endpoint_aliases.introspection_endpoint | [mtls]/introspect | mtls::a_client_shows_its_certificate_at_the_alias_and_nobody_is_asked_for_one_in_front
mtls_endpoint_aliases.revocation_endpoint | [mtls]/revoke | mtls::a_client_shows_its_certificate_at_the_alias_and_nobody_is_asked_for_one_in_front
mtls_endpoint_aliases.pushed_authorization_request_endpoint | [mtls]/par | mtls::a_client_shows_its_certificate_at_the_alias_and_nobody_is_asked_for_one_in_front
mtls_endpoint_aliases.userinfo_endpoint | [mtls]/userinfo | mtls::a_client_shows_its_certificate_at_the_alias_and_nobody_is_asked_for_one_in_front
tls_client_certificate_bound_access_tokens | true | mtls::tokens_are_worth_nothing_without_the_certificate_that_they_are_bound_to

scopes_supported | openid profile email address phone | claims::each_scope_tells_its_claims_of_an_account_that_has_them_and_no_others
scopes_supported | act_as | act_as::m1_a_mandate_that_waited_for_its_representative_is_in_their_first_id_token
scopes_supported | offline_access | offline::a_grant_outlives_its_session_and_keeps_nothing_of_digid
claims_supported | iss sub aud exp iat nbf jti auth_time nonce acr at_hash sid act_as | discovery::each_announced_endpoint_scope_grant_claim_and_algorithm_works
claims_supported | name given_name family_name middle_name nickname preferred_username profile picture website gender birthdate zoneinfo locale updated_at email email_verified address phone_number phone_number_verified | claims::each_scope_tells_its_claims_of_an_account_that_has_them_and_no_others
claims_supported | amr | claims::amr_is_told_to_whom_asks_and_says_by_what_the_session_was_proven
claims_supported | bsn | bsn::a_bsn_goes_encrypted_to_who_may_have_it_and_each_condition_counts_alone
claims_supported | represents | chooser::m12_a_portal_says_for_whom_and_the_user_stays_the_user
claims_parameter_supported | true | oidc_hints::claims_are_told_where_they_were_asked_for_and_only_to_who_may_have_them
subject_types_supported | pairwise public | discovery::each_announced_endpoint_scope_grant_claim_and_algorithm_works
acr_values_supported | urn:namens:acr:local http://eidas.europa.eu/LoA/low http://eidas.europa.eu/LoA/substantial http://eidas.europa.eu/LoA/high | discovery::each_announced_level_can_be_reached

response_types_supported | code | oidc_code::a3_a_code_is_good_for_its_client_redirect_and_challenge_only
response_modes_supported | query | discovery::each_announced_way_to_ask_works
response_modes_supported | form_post | form_post::a10_a_code_travels_in_a_form_that_leads_to_the_portal_alone
response_modes_supported | jwt query.jwt form_post.jwt | jarm::an_answer_comes_signed_in_every_mode_and_algorithm
authorization_response_iss_parameter_supported | true | oidc_request::a7_every_answer_names_its_issuer_and_gives_back_the_state_untouched
code_challenge_methods_supported | S256 | oidc_request::a4_a_verifier_must_be_whole_and_fit_the_challenge
prompt_values_supported | none | oidc_session::prompt_none_answers_from_a_session_and_asks_nobody
prompt_values_supported | login select_account | discovery::each_announced_way_to_ask_works
prompt_values_supported | consent | client_consent::a_portal_of_somebody_else_is_answered_once_its_user_agreed_and_then_without_asking
display_values_supported | page popup touch | discovery::each_announced_way_to_ask_works
ui_locales_supported | nl en | discovery::each_announced_way_to_ask_works
request_parameter_supported | true | request_object::a_signed_request_is_answered_as_it_says_and_nothing_outside_counts
request_uri_parameter_supported | false | request_object::a_request_object_by_reference_or_twice_is_refused
require_pushed_authorization_requests | false | discovery::each_announced_way_to_ask_works
require_signed_request_object | false | discovery::each_announced_way_to_ask_works

grant_types_supported | authorization_code | oidc_code::a3_a_code_is_good_for_its_client_redirect_and_challenge_only
grant_types_supported | refresh_token | oidc_tokens::a6_refresh_tokens_rotate_and_a_replay_ends_the_family
grant_types_supported | client_credentials | program::a_program_gets_a_token_in_its_own_name_for_the_admin_api
grant_types_supported | urn:ietf:params:oauth:grant-type:token-exchange | exchange::m8_a21_a_portal_gets_a_token_about_one_person_for_whom_its_user_acts
token_endpoint_auth_methods_supported | client_secret_basic client_secret_post private_key_jwt none | discovery::each_announced_endpoint_scope_grant_claim_and_algorithm_works
token_endpoint_auth_methods_supported | tls_client_auth | mtls::each_name_lets_in_the_certificate_that_has_it_of_an_authority_that_we_trust
token_endpoint_auth_methods_supported | self_signed_tls_client_auth | mtls::a_certificate_of_a_registered_key_is_enough_where_the_client_signs_it_itself
introspection_endpoint_auth_methods_supported | client_secret_basic client_secret_post private_key_jwt | discovery::each_announced_endpoint_scope_grant_claim_and_algorithm_works
introspection_endpoint_auth_methods_supported | tls_client_auth | mtls::a_client_shows_its_certificate_at_the_alias_and_nobody_is_asked_for_one_in_front
introspection_endpoint_auth_methods_supported | self_signed_tls_client_auth | mtls::a_certificate_of_a_registered_key_is_enough_where_the_client_signs_it_itself
revocation_endpoint_auth_methods_supported | client_secret_basic client_secret_post private_key_jwt none | discovery::each_announced_endpoint_scope_grant_claim_and_algorithm_works
revocation_endpoint_auth_methods_supported | tls_client_auth | mtls::a_client_shows_its_certificate_at_the_alias_and_nobody_is_asked_for_one_in_front
revocation_endpoint_auth_methods_supported | self_signed_tls_client_auth | mtls::a_certificate_of_a_registered_key_is_enough_where_the_client_signs_it_itself

id_token_signing_alg_values_supported | RS256 PS256 ES256 EdDSA | algorithms::a_client_and_we_sign_everything_in_each_announced_algorithm oidc_tokens::id_tokens_of_every_algorithm_verify_with_pyjwt
userinfo_signing_alg_values_supported | RS256 PS256 ES256 EdDSA | algorithms::a_client_and_we_sign_everything_in_each_announced_algorithm
userinfo_encryption_alg_values_supported | RSA-OAEP-256 | claims::userinfo_is_encrypted_to_the_key_of_its_client_and_signed_inside
userinfo_encryption_enc_values_supported | A256GCM | claims::userinfo_is_encrypted_to_the_key_of_its_client_and_signed_inside
authorization_signing_alg_values_supported | RS256 PS256 ES256 EdDSA | algorithms::a_client_and_we_sign_everything_in_each_announced_algorithm
introspection_signing_alg_values_supported | RS256 PS256 ES256 EdDSA | algorithms::a_client_and_we_sign_everything_in_each_announced_algorithm
request_object_signing_alg_values_supported | RS256 PS256 ES256 EdDSA | algorithms::a_client_and_we_sign_everything_in_each_announced_algorithm
token_endpoint_auth_signing_alg_values_supported | RS256 PS256 ES256 EdDSA | algorithms::a_client_and_we_sign_everything_in_each_announced_algorithm
introspection_endpoint_auth_signing_alg_values_supported | RS256 PS256 ES256 EdDSA | algorithms::a_client_and_we_sign_everything_in_each_announced_algorithm
revocation_endpoint_auth_signing_alg_values_supported | RS256 PS256 ES256 EdDSA | algorithms::a_client_and_we_sign_everything_in_each_announced_algorithm
dpop_signing_alg_values_supported | PS256 ES256 EdDSA | algorithms::tokens_are_bound_by_proofs_in_each_announced_algorithm_and_by_no_other

backchannel_logout_supported | true | notify::each_portal_of_a_session_hears_its_end_in_a_token_that_it_verifies_and_nobody_else_does
backchannel_logout_session_supported | true | notify::each_portal_of_a_session_hears_its_end_in_a_token_that_it_verifies_and_nobody_else_does
";

/// A member and one value of it.
type Announced = (String, String);

/// The values of the table, each with its tests. None stands there twice.
fn shown() -> BTreeMap<Announced, Vec<&'static str>> {
    let mut all = BTreeMap::new();
    for line in TABLE.lines().filter(|line| !line.is_empty()) {
        let [member, values, tests] = line.splitn(3, " | ").collect::<Vec<_>>()[..] else {
            panic!("{line}");
        };
        for value in values.split(' ') {
            let taken = all.insert((member.to_owned(), value.to_owned()), tests.split(' ').collect());
            assert!(taken.is_none(), "{member} {value} stands there twice");
        }
    }
    all
}

/// Each value of a document, a list's one by one, without what differs between installations.
fn flat(issuer: &str, member: &str, told: &Value, into: &mut BTreeSet<Announced>) {
    match told {
        Value::Array(values) => values.iter().for_each(|value| flat(issuer, member, value, into)),
        Value::Object(members) => {
            for (name, value) in members {
                let member = if member.is_empty() { name.clone() } else { format!("{member}.{name}") };
                flat(issuer, &member, value, into);
            }
        }
        Value::String(text) => {
            into.insert((member.to_owned(), text.replace(issuer, "[issuer]").replace(MTLS, "[mtls]")));
        }
        other => {
            into.insert((member.to_owned(), other.to_string()));
        }
    }
}

/// An installation that has everything that can be had.
async fn house() -> House {
    let routed = routed();
    let tables = format!(
        "{}[proxy]\nfrom = [\"127.0.0.1\"]\nclient_certificate = \"client-cert\"\n[mtls]\nurl = \"{MTLS}\"\nca = \"pki/ca.crt\"\n{}",
        routed.tables,
        bsn::MARK
    );
    let tables = Box::leak(tables.into_boxed_str());
    let mut house = House::start_with(Options { top: "registration = true\n", tables, ..routed }).await;
    bsn::register(&mut house);
    house
}

#[tokio::test]
async fn each_value_that_is_announced_is_shown_by_a_test_and_each_row_is_announced() {
    let house = house().await;
    let mut announced = BTreeSet::new();
    flat(&house.issuer, "", &metadata(&house).await, &mut announced);
    let shown: BTreeSet<_> = shown().into_keys().collect();
    let bare: Vec<_> = announced.difference(&shown).collect();
    assert!(bare.is_empty(), "announced, and no test is named that shows it: {bare:#?}");
    let gone: Vec<_> = shown.difference(&announced).collect();
    assert!(gone.is_empty(), "shown by a test, and not announced: {gone:#?}");
}

/// The values of a member that is a list.
fn listed(document: &Value, member: &str) -> BTreeSet<String> {
    let values = document[member].as_array().unwrap_or_else(|| panic!("no {member}"));
    values.iter().map(|value| value.as_str().unwrap().to_owned()).collect()
}

/// As far as the program has words for what it does: each scope, claim, level, mode, method and algorithm that it reads or writes.
#[tokio::test]
async fn each_value_that_works_is_announced() {
    fn words<T: ToString>(all: &[T]) -> Vec<String> {
        all.iter().map(T::to_string).collect()
    }
    let house = house().await;
    let told = metadata(&house).await;
    let (methods, algs) = (words(AuthMethod::ALL), words(&Algorithm::ALL.map(Algorithm::name)));
    let confidential: Vec<_> = methods.iter().filter(|method| *method != "none").cloned().collect();
    let modes = words(ResponseMode::ALL);
    let signed = modes.iter().map(|mode| format!("{mode}.jwt"));
    let modes = signed.chain(modes.clone()).chain(["jwt".to_owned()]).collect();
    let mut works = vec![
        ("scopes_supported", words(Scope::ALL)),
        ("claims_supported", words(Claim::ALL)),
        ("acr_values_supported", words(&Level::ALL.map(Level::acr))),
        ("response_modes_supported", modes),
        ("token_endpoint_auth_methods_supported", methods.clone()),
        ("revocation_endpoint_auth_methods_supported", methods),
        ("introspection_endpoint_auth_methods_supported", confidential),
        ("userinfo_encryption_alg_values_supported", words(KeyEncryption::ALL)),
    ];
    for what in ["id_token", "userinfo", "authorization", "introspection", "request_object"] {
        works
            .push((Box::leak(format!("{what}_signing_alg_values_supported").into_boxed_str()), algs.clone()));
    }
    for (member, works) in works {
        let announced = listed(&told, member);
        let untold: Vec<_> = works.iter().filter(|value| !announced.contains(*value)).collect();
        assert!(untold.is_empty(), "works, and {member} does not say so: {untold:?}");
    }
    // What is given is told of.
    let (browser, _) = logged_in(&house).await;
    let tokens = THE_PORTAL.sign_on(&house, &browser, "openid email act_as").await;
    let (_, user) = userinfo(&house, tokens.text("access_token")).await;
    let announced = listed(&told, "claims_supported");
    for given in [&tokens.claims, &user] {
        let untold: Vec<_> =
            given.as_object().unwrap().keys().filter(|name| !announced.contains(*name)).collect();
        assert!(untold.is_empty(), "told, and not announced: {untold:?}");
    }
    // Doors for clients: all but those for people, DigiD and machines that watch us, and the two of this document.
    let not_for_clients =
        ["/login/", "/account", "/desk", "/digid/", "/static/", "/favicon.ico", "/healthz", "/.well-known/"];
    // Told with a registration, each its own (RFC 7592 section 3).
    let doors = routes().into_iter().filter(|door| door != "/register/{id}");
    let doors = doors.filter(|door| !not_for_clients.iter().any(|start| door.starts_with(start)));
    let mut counted = 0;
    for door in doors {
        let url = Value::from(format!("{}{door}", house.issuer));
        assert!(told.as_object().unwrap().values().any(|value| *value == url), "{door} is not announced");
        counted += 1;
    }
    assert!(counted >= 9, "{counted}");
}

#[test]
fn each_test_that_shows_something_exists_and_meets_the_real_program() {
    for test in shown().into_values().flatten() {
        let (module, _) = test.split_once("::").unwrap();
        let file = format!("{}/tests/it/{module}.rs", env!("CARGO_MANIFEST_DIR"));
        assert!(std::path::Path::new(&file).exists() && exists(test), "{test}");
    }
}
