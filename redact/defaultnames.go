// Copyright The apispan Authors
// SPDX-License-Identifier: Apache-2.0

package redact

// The built-in lists. Sources: OpenTelemetry semantic conventions (url.query),
// OWASP logging cheat sheet, Elastic APM sanitize_field_names, Sentry data
// scrubbing, Datadog obfuscation (public documentation, checked 2026-11), RFC 6749,
// 7517, 7522, 7523, 7636, 8628 and the vendors' documentation of their header
// fields.
//
// Names are written as users write them; they are folded like any other rule.

// nameGroup is a part of a list; guard says which values it spares.
type nameGroup struct {
	guard guard
	names []string
}

// defaultGroups hold in every place.
var defaultGroups = []nameGroup{
	// Header fields with credentials. www-authenticate carries none.
	{guardSecret, []string{
		"authorization", "proxy-authorization", "x-api-key", "api-key", "apikey", "x-auth-token",
		"x-csrf-token", "x-xsrf-token", "x-amz-security-token", "x-goog-iam-*", "x-vault-token",
		"x-gitlab-token", "x-hub-signature*", "x-forwarded-client-cert", "ssl-client-cert",
	}},
	// Credentials.
	{guardSecret, []string{
		"*password*", "*passwd*", "pwd", "pass", "pw", "passphrase", "*secret*", "*token",
		"*api*key", "*access*key", "*private*key", "credential", "credentials", "bearer",
		"jwt", "otp", "totp", "mfa*",
	}},
	// Payment.
	{guardPersonal, []string{"cvv", "cvc", "csc", "card_number"}},
	{guardNumber, []string{"pan", "pin"}},
	{guardPersonal, []string{"credit*card*", "iban", "account_number", "routing_number"}},
	// Identity.
	{guardPersonal, []string{
		"ssn", "social_security*", "tax_id", "passport*", "drivers_license", "dob", "date_of_birth",
		"mothers_maiden_name", "security_answer",
	}},
	// Sessions and signatures.
	{guardWord, []string{
		"session", "session_id", "sessionid", "sid", "jsessionid", "phpsessid", "connect.sid",
		"csrf*", "xsrf*", "signature", "sig",
	}},
	{guardSecret, []string{"dsn", "connection_string"}},
	{guardWord, []string{"auth"}},
	{guardWord, []string{"salt", "pepper"}},

	// More credentials: other spellings and languages.
	{guardSecret, []string{
		"*passphrase*", "*passcode*", "*_pwd", "pswd", "passwrd", "passkey", "passwort", "kennwort", "senha", "contraseña",
		"clave_acceso", "mot_de_passe", "motdepasse", "mdp", "wachtwoord", "hasło", "lösenord", "adgangskode", "passord", "salasana",
		"jelszó", "heslo", "parola", "şifre", "lozinka", "пароль", "密码", "密碼", "パスワード", "비밀번호", "clave", //nolint:gosmopolitan // names of the world
		"token_value", "*credential", "*credentials", "psk", "*pre_shared_key", "snmp_community", "community_string",
		"kubeconfig", "private_pem", "pem_key", "pkcs12", "pfx", "keystore", "service_account_json",
		"creds", "basic_auth", "oauth2_bearer", "psw", "passw", "requirepass", "masterauth", "psswd", "pasword", "*connection_strings", "*_dsn", "*shared_access_signature", "*private*key*pem", "pem",
		"*pwds", "pass1", "pass2", "pwd1", "pwd2", "*_pw", "*vault*pass", "*dav*pass", "口令", "*api*key*value", "oauth_verifier", //nolint:gosmopolitan // as above
	}},
	// A pass is a ticket, too: the word before it tells.
	{guardSecret, []string{
		"*user*pass", "*login*pass", "*account*pass", "*admin*pass", "*root*pass", "*db*pass", "*sql*pass", "*pg*pass", "*postgres*pass",
		"*mongo*pass", "*redis*pass", "*rabbit*pass", "*smtp*pass", "*mail*pass", "*ftp*pass", "*ssh*pass", "*ldap*pass", "*bind*pass",
		"*proxy*pass", "*auth*pass", "*wifi*pass", "*key*pass", "*store*pass", "cert_pass", "*_cert_pass", "new_pass", "*_new_pass", "old_pass", "*_old_pass", "*confirm*pass",
		"*current*pass", "*service*pass", "*http*pass", "*become*pass", "*ansible*pass", "*psk", "*pwd*hash", "*token*value", "*github*pat", "*gitlab*pat",
		"*vault*key", "*crypto*key", "*cert*key", "ca_key",
	}},
	{guardWord, []string{"authentication", "auth_header", "hmac", "*_signature", "signature_provided", "*_nonce", "p12", "dek", "wif"}},
	{guardQuestion, []string{"*security*question*", "*recovery*question*", "*secret*question*"}},
	{guardSecret, []string{"recovery_answer", "security_answers"}},
	// Keys.
	{guardSecret, []string{
		"*encryption*key", "*decryption*key", "*signing*key", "*session*key", "*license*key", "*licence*key", "*consumer*key", "*master*key",
		"*shared*key", "*storage*key", "*tls*key", "*ssl*key", "*ssh*key", "*rsa*key", "*hmac*key", "*aes*key", "*client*key",
		"*client*key*data", "*auth*key", "*write*key", "*server*key", "*deploy*key", "*subscription*key", "*recovery*key",
		"*wallet*key", "*webhook*key", "*merchant*key", "*symmetric*key", "*application*key", "*unlock*key", "*activation*key",
		"*ingest*key", "*insert*key", "*function*key", "*functions*key", "*unseal*key", "*unseal*keys", "priv_key", "*_priv_key", "xprv",
	}},
	// Keys by who gave them.
	{guardWord, []string{
		"*stripe*key", "*sendgrid*key", "*mailgun*key", "*twilio*key", "*openai*key", "*anthropic*key", "*gemini*key", "*mistral*key",
		"*groq*key", "*cohere*key", "*replicate*key", "*hugging*face*key", "*github*key", "*gitlab*key", "*slack*key", "*datadog*key",
		"*new*relic*key", "*sentry*key", "*algolia*key", "*segment*key", "*cloudinary*key", "*paypal*key", "*square*key", "*supabase*key",
		"*firebase*key", "*google*key", "*gcp*key", "*bigquery*key", "*cosmos*key", "*event*hub*key", "*maps*key", "*azure*key", "*gpg*key", "*pgp*key",
	}},
	{guardWord, []string{"*api*keys", "*account*key", "*service*key", "*admin*key", "*integration*key", "*root*key", "*app*key", "rsa", "*tokens"}},
	// One-time codes and what replaces them.
	{guardSecret, []string{
		"security_code", "*recovery*code", "*recovery*codes", "*backup*code", "*backup*codes", "*scratch*codes", "*unlock*code",
		"*verification*code", "*confirmation*code", "*activation*code", "one_time_code", "*otp", "*otp_code", "sms_code",
		"2fa*code", "tfa*code", "two_factor*code", "*auth*code", "*login*code", "*access*code", "*reset*code", "pin_block",
		"oob_code", "binding_code", "*mfa*code", "*sms*code", "*totp*code", "*wallet*seed", "*card*security*code", "*seed_phrase*", "*recovery_phrase*", "*mnemonic*", "magic_link", "magic_token",
	}},
	{guardWord, []string{"nonce", "g-recaptcha-response", "h-captcha-response", "*captcha*response", "*turnstile*response", "registration_id", "signatures", "remember_me", "laravel_session", "django_session", "rack_session", "user_session"}},
	// OAuth 2.0, OpenID Connect and SAML.
	{guardSecret, []string{
		"authorization_code", "code_verifier", "device_code", "assertion", "client_assertion", "id_token_hint",
		"*saml*response", "*saml*request", "*saml*assertion", "auth_req_id",
	}},
	// Links that hold a credential.
	{guardWord, []string{"*sas", "*sas_url", "*sas_uri", "signed_url", "*presigned_url", "*presigned_uri", "upload_url"}},
	// Sessions and cookies.
	{guardWord, []string{"*session_id", "*session_token", "*session_cookie", "sessid"}},
	// Payment.
	{guardPersonal, []string{
		"cvv2", "cvc2", "cvn", "*_cvv", "*_cvc", "*cvv*code", "*cvc*code", "*account*number", "*routing*number", "*iban*number", "*_iban", "taxpayer*id", "cid_code", "card_verification*", "card_no", "card_num", "cc_number", "ccnum", "cc_num", "card_pan", "debit*card*number",
		"track1*", "track2*", "track_data", "magstripe", "bank_account", "bank_account_number", "bank_account_no", "account_no", "acct_no", "acct_number",
		"acct_num", "sort_code", "routing_no", "aba_number",
	}},
	// Identity.
	{guardPersonal, []string{
		"*_ssn", "ssn_*", "ssn*number", "sin_number", "social_insurance*", "national_id*", "national_insurance*", "nino", "nin", "aadhaar*", "aadhar*", "cpf",
		"cnpj", "nhs_number", "nric", "dni", "pesel", "bsn", "personnummer", "steuer_id", "codice_fiscale", "curp", "tax_number", "tin",
		"itin", "medicare*number", "driving_licence*", "driving_license*", "driver*licen*number", "birth_date", "birthdate", "birthday", "*maiden_name", "biometric*",
		"geburtsdatum", "driver_licen*e",
	}},
	{guardNumber, []string{
		"pin_code", "card_pin", "user_pin", "atm_pin", "new_pin", "old_pin", "current_pin", "confirm_pin", "security_pin", "access_pin", "login_pin", "voucher_pin", "gift_card_pin",
	}},
}

// defaultQueryGroups hold in query strings only: as body fields these names are
// mostly harmless.
var defaultQueryGroups = []nameGroup{
	{guardCode, []string{"code", "state"}},
	{guardSecret, []string{"x-amz-signature", "x-amz-credential", "x-goog-signature", "x-goog-credential", "awsaccesskeyid"}},
	{guardWord, []string{"key", "ticket"}},
}

// defaultBodyGroups hold in content.
var defaultBodyGroups = []nameGroup{
	{guardCode, []string{"code"}},
	{guardKeySet, []string{"d", "p", "q", "dp", "dq", "qi", "oth", "k"}},
	{guardSecret, []string{"string_data"}},
	// The rest of what is printed on a card.
	{guardCard, []string{
		"expiry", "expiration", "expiry_date", "expiration_date", "exp_date", "exp", "valid_thru", "valid_until", "expires", "*card_exp*", "cc_exp*",
		"exp_month", "exp_year", "expiry_month", "expiry_year", "expiration_month", "expiration_year",
	}},
}

// defaultHeaderGroups hold in header fields only.
var defaultHeaderGroups = []nameGroup{
	{guardSecret, []string{
		"*authorization*", "*authentication-info", "*auth", "*key", "*api-key*", "*signature*", "*hmac*", "*token*", "*passw*", "*credential*",
		"*session*", "*jwt*", "*client*cert*", "*assertion*", "*saml*", "*otp*", "x-pin", "*userinfo*", "x-amzn-oidc-*", "x-wsse",
		"x-sid", "*csrf*", "*xsrf*", "*access-code", "*verification-code", "x-2fa*", "*crumb", "*-sig", "*-sign", "x-jfrog-art-api", "x-honeycomb-team", "*bearer", "dpop", "*appcheck",
	}},
}

// defaultKeys is the list for every place.
var defaultKeys = namesOf(defaultGroups)

// DefaultKeys lists the built-in denylist: for every place, and for queries only.
func DefaultKeys() (everywhere, query []string) {
	return namesOf(defaultGroups), namesOf(defaultQueryGroups)
}

// DefaultHeaderKeys lists the names of the built-in denylist that hold in header
// fields only, DefaultBodyKeys those that hold in content only.
func DefaultHeaderKeys() []string { return namesOf(defaultHeaderGroups) }

// DefaultBodyKeys: see DefaultHeaderKeys.
func DefaultBodyKeys() []string { return namesOf(defaultBodyGroups) }

func namesOf(groups []nameGroup) (out []string) {
	for _, g := range groups {
		out = append(out, g.names...)
	}
	return out
}
