<?php
// SimpleSAMLphp as an identity provider by artifact, for drive.py, which sets the environment.
$folder = getenv('DRIVE_FOLDER');
$config = [
    'baseurlpath' => getenv('DRIVE_BASE') . '/',
    'certdir' => "$folder/idp/",
    'datadir' => "$folder/idp/",
    'tempdir' => "$folder/idp/tmp",
    'loggingdir' => "$folder/idp/",
    'logging.handler' => 'file',
    'logging.level' => SimpleSAML\Logger::INFO,
    'secretsalt' => bin2hex(random_bytes(16)),
    'auth.adminpassword' => bin2hex(random_bytes(16)),
    'technicalcontact_email' => 'na@example.org',
    'timezone' => 'UTC',
    'enable.saml20-idp' => true,
    'module.enable' => ['core' => true, 'saml' => true, 'exampleauth' => true],
    // Artifacts need a store.
    'store.type' => 'sql',
    'store.sql.dsn' => "sqlite:$folder/idp/store.sqlite",
    'session.cookie.secure' => true,
    // Ours is there once the service provider has read theirs.
    'metadata.sources' => array_merge(
        [['type' => 'flatfile', 'directory' => __DIR__ . '/metadata']],
        file_exists("$folder/idp/sp.xml") ? [['type' => 'xml', 'file' => "$folder/idp/sp.xml"]] : []
    ),
    'metadata.sign.enable' => true,
    'metadata.sign.algorithm' => 'http://www.w3.org/2001/04/xmldsig-more#rsa-sha256',
    'language.default' => 'en',
];
