//! The ways to spoil an answer, so that a test attacks the running program by the real road.

macro_rules! spoils {
    ($(#[doc = $what:literal])+ $spoil:ident; $($(#[doc = $doc:literal])+ $name:ident = $word:literal,)+) => {
        $(#[doc = $what])+
        #[derive(Debug, Clone, Copy, PartialEq, Eq)]
        pub enum $spoil {
            $($(#[doc = $doc])+ $name,)+
        }

        impl $spoil {
            /// Every one.
            pub const ALL: &[Self] = &[$(Self::$name,)+];

            /// The word by which the login form's field `spoil` asks for it.
            pub const fn word(self) -> &'static str {
                match self { $(Self::$name => $word,)+ }
            }

            /// The spoil of that word.
            pub fn from_word(word: &str) -> Option<Self> {
                Self::ALL.iter().copied().find(|s| s.word() == word)
            }
        }
    };
}

pub(super) use spoils;

spoils! {
    /// One way to spoil DigiD's answer. Whatever is not named is right, signatures included: content is spoiled before
    /// signing, wrapping happens after. The message around a wrapped assertion is signed once more, so that the
    /// wrapping is all that is wrong with it.
    Spoil;
    /// The Assertion bears no signature; the ArtifactResponse around it does.
    UnsignedAssertion = "unsigned-assertion",
    /// The ArtifactResponse bears no signature; the Assertion in it does.
    UnsignedArtifactResponse = "unsigned-artifact-response",
    /// Neither bears a signature.
    Unsigned = "unsigned",
    /// Both are signed by a key that is not DigiD's.
    WrongKey = "wrong-key",
    /// The same, and the signature brings the attacker's certificate in `KeyInfo`.
    KeyInfoAttackerCert = "keyinfo-attacker-cert",
    /// The ArtifactResponse's `KeyInfo` says where to fetch a key: `/trap`.
    KeyInfoRetrieval = "keyinfo-retrieval",
    /// Signed by DigiD's key with RSA-SHA1.
    Sha1 = "sha1",
    /// Signed by DigiD's key with RSA-SHA256 over a SHA-1 digest.
    Sha1Digest = "sha1-digest",
    /// Signed by DigiD's key with RSA-MD5.
    Md5 = "md5",
    /// "Signed" with an HMAC whose secret is DigiD's public key.
    Hmac = "hmac",
    /// Made for another service provider.
    WrongAudience = "wrong-audience",
    /// Conditions without an `AudienceRestriction`.
    NoAudience = "no-audience",
    /// Two `AudienceRestriction` elements, the first for another service provider: both must hold.
    TwoAudiences = "two-audiences",
    /// The bearer is to be delivered elsewhere.
    WrongRecipient = "wrong-recipient",
    /// It is told nowhere where the bearer is to be delivered.
    NoRecipient = "no-recipient",
    /// The Response is to be delivered elsewhere.
    ForeignDestination = "foreign-destination",
    /// Response and Assertion answer another AuthnRequest.
    WrongInResponseTo = "wrong-in-response-to",
    /// The bearer alone answers another AuthnRequest; Response and everything else are right.
    WrongBearerInResponseTo = "wrong-bearer-in-response-to",
    /// The bearer answers no request in particular.
    NoInResponseTo = "no-in-response-to",
    /// Response and Assertion come from another identity provider.
    WrongIssuer = "wrong-issuer",
    /// The Assertion alone comes from another identity provider; the Response around it does not.
    WrongAssertionIssuer = "wrong-assertion-issuer",
    /// The Assertion has no Issuer.
    NoIssuer = "no-issuer",
    /// The ArtifactResponse comes from another identity provider.
    WrongArtifactIssuer = "wrong-artifact-issuer",
    /// The ArtifactResponse answers another ArtifactResolve.
    WrongArtifactInResponseTo = "wrong-artifact-in-response-to",
    /// The ArtifactResponse says of no ArtifactResolve that it answers it.
    NoArtifactInResponseTo = "no-artifact-in-response-to",
    /// The ArtifactResponse has no Issuer.
    NoArtifactIssuer = "no-artifact-issuer",
    /// The Response says of no AuthnRequest that it answers it.
    NoResponseInResponseTo = "no-response-in-response-to",
    /// The Response has no Issuer.
    NoResponseIssuer = "no-response-issuer",
    /// Everything happened an hour ago, and its validity has passed.
    Expired = "expired",
    /// Everything will happen in an hour.
    Future = "future",
    /// The Conditions have ended; nothing else is late. Here and in the next four, the form's field `seconds` says by how much
    /// (five minutes without it): within the leeway, it is no spoil.
    ConditionsEnded = "conditions-ended",
    /// The Conditions are to begin; nothing else is early.
    ConditionsNotYet = "conditions-not-yet",
    /// The bearer comes too late; the Conditions still hold.
    BearerEnded = "bearer-ended",
    /// The bearer comes too early. At the routing service a bearer never waits, so it is refused there however early.
    BearerNotYet = "bearer-not-yet",
    /// The user is to log in.
    LoginNotYet = "login-not-yet",
    /// No Conditions.
    NoConditions = "no-conditions",
    /// No `NotOnOrAfter`, in the Conditions or at the bearer.
    NoNotOnOrAfter = "no-not-on-or-after",
    /// The confirmation of the bearer has no end.
    NoBearerEnd = "no-bearer-end",
    /// A second signed Assertion, for somebody else, after the right one.
    TwoAssertions = "two-assertions",
    /// A second Response in the ArtifactResponse, with a signed Assertion for somebody else.
    TwoResponses = "two-responses",
    /// An element named Assertion, of a namespace of its own and for somebody else, before the right one.
    LookAlike = "look-alike",
    /// Two `AuthnStatement` elements, the second at the highest level.
    TwoAuthnStatements = "two-authn-statements",
    /// No `AuthnStatement`.
    NoAuthnStatement = "no-authn-statement",
    /// A level nobody knows.
    UnknownLevel = "unknown-level",
    /// No level.
    NoLevel = "no-level",
    /// A number that fails the elfproef.
    BadElfproef = "bad-elfproef",
    /// The number is of another sector (`s00000001`, the former sofinummer).
    OtherSector = "other-sector",
    /// A BSN with letters.
    NonDigits = "non-digits",
    /// A comment splits the NameID: who reads up to it finds a good BSN, who reads all finds a digit too many.
    CommentInNameId = "comment-in-nameid",
    /// The same with a CDATA section.
    CdataInNameId = "cdata-in-nameid",
    /// The same with a processing instruction, which is signed too.
    PiInNameId = "pi-in-nameid",
    /// A harmless DOCTYPE before a right answer.
    Doctype = "doctype",
    /// A DOCTYPE with entities that grow to billions of letters.
    EntityBomb = "entity-bomb",
    /// A DOCTYPE with an entity that is to be fetched from `/trap`.
    ExternalEntity = "external-entity",
    /// A DOCTYPE whose declarations are to be fetched from `/trap`.
    ExternalDtd = "external-dtd",
    /// A DOCTYPE that makes another attribute an ID.
    DeclaredId = "declared-id",
    /// A second root after a right answer.
    TrailingGarbage = "trailing-garbage",
    /// The last end tag is missing.
    Unclosed = "unclosed",
    /// A declaration of another encoding, which leaves every byte of the text as it is.
    ForeignEncoding = "foreign-encoding",
    /// An attribute twice in one element: readers differ in which they believe.
    DoubledAttribute = "doubled-attribute",
    /// The Assertion bears a second `ID`, of another namespace: well-formed, and signed. Readers differ in which they find.
    NamespacedId = "namespaced-id",
    /// The bearer answers another request elsewhere and is late, but says otherwise in attributes of the same names, of another
    /// namespace: who looks at local names alone may read those.
    NamespacedAttribute = "namespaced-attribute",
    /// Response and Assertion bear the same ID.
    DuplicateId = "duplicate-id",
    /// The SOAP body bears the Assertion's ID as its `xml:id`.
    XmlId = "xml-id",
    /// The signatures pass through an XSLT transform.
    XsltTransform = "xslt-transform",
    /// They pass through an `XPath` transform that keeps everything.
    XpathTransform = "xpath-transform",
    /// They pass through a base64 transform, and so are made over what the letters of the text decode to.
    Base64Transform = "base64-transform",
    /// They are made over what a canonicalization with comments yields.
    CommentedC14n = "commented-c14n",
    /// Each has two references, both right.
    TwoReferences = "two-references",
    /// The ArtifactResponse's signature covers the whole document (`URI=""`).
    EmptyReference = "empty-reference",
    /// Both are made over nothing, which is what some read where canonicalization fails: at a relative namespace name
    /// (CVE-2025-66568). The Assertion is about somebody else.
    VoidCanonical = "void-canonical",
    /// The Assertion's signature covers a document on DigiD's web server (`/trap`; `/calls` counts who fetches it).
    ExternalReference = "external-reference",
    /// Wrapping 1: a forged ArtifactResponse whose Signature holds the signed one.
    Xsw1 = "xsw1",
    /// Wrapping 2: a forged ArtifactResponse with the signed one, bare of its Signature, before that Signature.
    Xsw2 = "xsw2",
    /// Wrapping 3: a forged Assertion before the signed one.
    Xsw3 = "xsw3",
    /// Wrapping 4: a forged Assertion around the signed one.
    Xsw4 = "xsw4",
    /// Wrapping 5: a forged Assertion takes the Signature; the signed one, bare, comes last.
    Xsw5 = "xsw5",
    /// Wrapping 6: a forged Assertion whose Signature holds the signed one.
    Xsw6 = "xsw6",
    /// Wrapping 7: a forged Assertion within Extensions of the Response.
    Xsw7 = "xsw7",
    /// Wrapping 8: a forged Assertion whose Signature holds the signed one in an Object.
    Xsw8 = "xsw8",
    /// The status says that login failed, yet an Assertion is there.
    StatusFailedWithAssertion = "status-failed-with-assertion",
    /// The ArtifactResponse refuses, yet a Response is there.
    RefusedWithResponse = "refused-with-response",
    /// The Response tells success, and in it that login failed.
    HalfSuccess = "half-success",
    /// The ArtifactResponse tells success, and in it that it refuses; a right Response is there.
    HalfResolved = "half-resolved",
    /// The Response has no status.
    NoStatus = "no-status",
    /// The Assertion bears the ID of the one before.
    ReplayedAssertion = "replayed-assertion",
    /// The back channel answers with a SOAP fault.
    SoapFault = "soap-fault",
    /// The back channel answers 500.
    Http500 = "http-500",
    /// The back channel answers 404.
    Http404 = "http-404",
    /// The back channel answers after 30 seconds.
    Slow = "slow",
    /// The back channel's answer comes a byte at a time, and does not end.
    Dripping = "dripping",
    /// The back channel's answer does not end (it stops at a gibibyte).
    Huge = "huge",
    /// The back channel answers with a web page.
    Html = "html",
    /// The back channel redirects (307) to `/trap`.
    Redirect = "redirect",
    /// The artifact is of another identity provider.
    ForeignSourceId = "foreign-source-id",
    /// The artifact is of a type that SAML 2.0 does not have.
    OtherType = "other-type",
    /// The artifact is to be resolved at an endpoint that DigiD does not have.
    OtherEndpoint = "other-endpoint",
    /// The artifact is no artifact.
    MalformedArtifact = "malformed-artifact",
    /// DigiD does not know the artifact: it was never given out, or resolved before.
    UnknownArtifact = "unknown-artifact",
    /// The artifact is older than fifteen minutes: DigiD tells success, and nothing else.
    ExpiredArtifact = "expired-artifact",
}

spoils! {
    /// One way to spoil what only the routing service says. Its signatures are right, unless they are what is wrong.
    RoutingSpoil;
    /// The identity is encrypted for another entity.
    OtherRecipient = "st-other-recipient",
    /// It is encrypted under a key of ours that has another name.
    OtherKeyName = "st-other-key-name",
    /// It is encrypted with a key that is not ours, under the name of ours.
    OtherKey = "st-other-key",
    /// A bit of its vector is turned, so that the first letters come out wrong.
    TurnedVector = "st-turned-vector",
    /// A bit before the last block is turned, so that the padding comes out wrong.
    TurnedPadding = "st-turned-padding",
    /// It lacks its last block.
    CutShort = "st-cut-short",
    /// It is encrypted with AES-128.
    Aes128 = "st-aes-128",
    /// It is not encrypted at all.
    InTheClear = "st-in-the-clear",
    /// It is a NameID of another format.
    OtherFormat = "st-other-format",
    /// There is none.
    NoActing = "st-no-acting",
    /// There are two, the second of somebody else.
    TwoActing = "st-two-acting",
    /// Somebody else is represented, though nobody asked.
    UnrequestedLegal = "st-unrequested-legal",
    /// The same, and by what right is not told.
    LegalWithoutType = "st-legal-without-type",
    /// Two are represented.
    TwoLegal = "st-two-legal",
    /// By two rights.
    TwoTypes = "st-two-types",
    /// By a right that nobody knows.
    OtherType = "st-other-type",
    /// The user is represented, by the user.
    LegalIsActing = "st-legal-is-acting",
    /// Who is represented is encrypted for another entity.
    LegalForAnother = "st-legal-for-another",
    /// A representation of nobody.
    TypeWithoutLegal = "st-type-without-legal",
    /// It is for another service.
    WrongService = "st-wrong-service",
    /// It is for no service.
    NoService = "st-no-service",
    /// The NameID is one that stays the same.
    NotTransient = "st-not-transient",
    /// The session is of another login.
    OtherSession = "st-other-session",
    /// The Response is for another service provider.
    WrongDestination = "st-wrong-destination",
    /// It is for none.
    NoDestination = "st-no-destination",
    /// The bearer may only come later.
    NotBefore = "st-not-before",
    /// The level is told in DigiD's own words.
    OtherLevelName = "st-other-level-name",
    /// Another Advice takes the place of the one that was signed.
    AdviceSubstituted = "st-advice-substituted",
    /// The Advice is taken out after signing.
    AdviceRemoved = "st-advice-removed",
    /// The Advice holds a Response.
    AdviceOfResponse = "st-advice-of-response",
    /// The party behind the routing service signs the Assertion itself.
    SignedByLogin = "st-signed-by-login",
    /// Its Assertion stands beside the routing service's instead of in its Advice.
    AdviceBeside = "st-advice-beside",
}
