<?php
// Whom DigiD knows, by the level they reach.
$person = function ($class) {
    return ['bsn' => ['999990019'], 'class' => [$class]];
};
$config = [
    'digid' => [
        'exampleauth:UserPass',
        'Midden:x' => $person('urn:oasis:names:tc:SAML:2.0:ac:classes:MobileTwoFactorContract'),
        'Hoog:x' => $person('urn:oasis:names:tc:SAML:2.0:ac:classes:SmartcardPKI'),
        'Cancel:x' => $person('cancel'),
    ],
];
