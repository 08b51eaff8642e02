// A certificate for localhost that signs itself, and its key, for tests of TLS alone. Made by
// openssl req -x509 -newkey ec -pkeyopt ec_paramgen_curve:prime256v1 -nodes -days 36500
// -subj /CN=localhost -addext subjectAltName=DNS:localhost

export const certificate: string = `-----BEGIN CERTIFICATE-----
MIIBlTCCATugAwIBAgIULVl30Uso5+3FCQz/Aik1leaTRskwCgYIKoZIzj0EAwIw
FDESMBAGA1UEAwwJbG9jYWxob3N0MCAXDTI2MTEyNjAzMzMwNloYDzIxMjYxMTAy
MDMzMzA2WjAUMRIwEAYDVQQDDAlsb2NhbGhvc3QwWTATBgcqhkjOPQIBBggqhkjO
PQMBBwNCAARM6Apab27jyxDRs2JgksXWaNZk5O4EThvIh6wZSE5jbVSXT2txiKZS
B3w5swlaU2axtpLVvyyxJtvf3gReD8NHo2kwZzAdBgNVHQ4EFgQUeOCpJbIhieyR
I9Z9NZXi+ccVffEwHwYDVR0jBBgwFoAUeOCpJbIhieyRI9Z9NZXi+ccVffEwDwYD
VR0TAQH/BAUwAwEB/zAUBgNVHREEDTALgglsb2NhbGhvc3QwCgYIKoZIzj0EAwID
SAAwRQIhAMvBoRmZNZLOAFksPbJ44dxwYEhtOtF4riUWGRZmiBKGAiB2rdeTvPaz
nVTV6WcCM0K1wOkMi3GqIh3FjmUpwvxWmg==
-----END CERTIFICATE-----
`

export const privateKey: string = `-----BEGIN PRIVATE KEY-----
MIGHAgEAMBMGByqGSM49AgEGCCqGSM49AwEHBG0wawIBAQQgcV0lbilEePC7Dsr3
KPZTFOymj82PgLRI8aWrz8kPBEihRANCAARM6Apab27jyxDRs2JgksXWaNZk5O4E
ThvIh6wZSE5jbVSXT2txiKZSB3w5swlaU2axtpLVvyyxJtvf3gReD8NH
-----END PRIVATE KEY-----
`
