<?php
// DigiD, as far as SimpleSAMLphp can be made to speak like it.
$metadata['https://digid.simplesamlphp.test/saml/idp/metadata'] = [
    'host' => '__DEFAULT__',
    'privatekey' => 'idp.key',
    'certificate' => 'idp.crt',
    'auth' => 'digid',
    'saml20.sendartifact' => true,
    'saml20.sign.assertion' => true,
    'signature.algorithm' => 'http://www.w3.org/2001/04/xmldsig-more#rsa-sha256',
    'validate.authnrequest' => true,
    'redirect.validate' => true,
    'validate.logout' => true,
    'sign.logout' => true,
    'SingleLogoutServiceBinding' => ['urn:oasis:names:tc:SAML:2.0:bindings:HTTP-POST'],
    'assertion.lifetime' => 120,
    'NameIDFormat' => 'urn:oasis:names:tc:SAML:1.1:nameid-format:unspecified',
    'authproc' => [
        10 => [
            'class' => 'core:PHP',
            'code' => '
                $levels = ["PasswordProtectedTransport", "MobileTwoFactorContract", "Smartcard", "SmartcardPKI"];
                $level = function ($class) use ($levels) { return array_search(substr(strrchr($class, ":"), 1), $levels, true); };
                $status = "urn:oasis:names:tc:SAML:2.0:status:";
                $refuse = function ($why) use (&$state, $status) {
                    $error = new \SimpleSAML\Module\saml\Error($status . "Responder", $status . $why);
                    \SimpleSAML\Auth\State::throwException($state, $error);
                };
                if ($attributes["class"][0] === "cancel") {
                    $refuse("AuthnFailed");
                }
                $asked = $state["saml:RequestedAuthnContext"];
                $lower = $level($attributes["class"][0]) < $level($asked["AuthnContextClassRef"][0]);
                if ($asked["Comparison"] !== "minimum" || $lower) {
                    $refuse("NoAuthnContext");
                }
                $state["saml:AuthnContextClassRef"] = $attributes["class"][0];
                $name = new \SAML2\XML\saml\NameID();
                $name->setValue("s00000000:" . $attributes["bsn"][0]);
                $state["saml:NameID"]["urn:oasis:names:tc:SAML:1.1:nameid-format:unspecified"] = $name;
                $attributes = [];
            ',
        ],
    ],
];
