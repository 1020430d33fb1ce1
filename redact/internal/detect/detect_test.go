// Copyright The apispan Authors
// SPDX-License-Identifier: Apache-2.0

package detect

import (
	"slices"
	"strings"
	"testing"
)

func mustCompile(tb testing.TB, names ...string) *Set {
	tb.Helper()
	var specs []Spec
	for _, n := range names {
		if re, ok := strings.CutPrefix(n, "re:"); ok {
			specs = append(specs, Spec{Regex: re})
		} else {
			specs = append(specs, Spec{Name: n})
		}
	}
	s, err := Compile(specs)
	if err != nil {
		tb.Fatal(err)
	}
	return s
}

// checkShape checks what every result must be: sorted, not overlapping, in range.
func checkShape(tb testing.TB, src []byte, ms []Match) {
	tb.Helper()
	end := 0
	for _, m := range ms {
		if m.Start < end || m.End <= m.Start || m.End > len(src) {
			tb.Fatalf("bad matches %v for %d bytes %q", ms, len(src), src)
		}
		end = m.End
	}
}

// found returns the matched texts, at every alignment, which must agree.
func found(t *testing.T, s *Set, in string, cut bool) []string {
	t.Helper()
	var first []string
	for pad := range 9 {
		src := []byte(strings.Repeat(" ", pad) + in)
		ms := s.Find(nil, src, cut)
		checkShape(t, src, ms)
		var got []string
		for _, m := range ms {
			got = append(got, string(src[m.Start:m.End]))
		}
		if pad == 0 {
			first = got
		} else if !slices.Equal(got, first) {
			t.Errorf("%q: %q, after %d blanks %q", in, first, pad, got)
		}
	}
	return first
}

const (
	jwtHead = "eyJhbGciOiJIUzI1NiJ9"
	jwtFull = jwtHead + ".eyJzdWIiOiJTWU5USCJ9.c2lnbmF0dXJl"
)

// Cases: the input marks the expected matches with « and ». Without marks nothing
// must be found. A trailing † stands for a cut value.
var cases = map[string][]string{
	"card": {
		"pay «4111111111111111» ok", "pay «4111 1111 1111 1111» ok", "pay «4111-1111-1111-1111» ok", "«4111.1111.1111.1111».",
		"pay «3782 822463 10005» ok", "«378282246310005»", "pay «6304000000000000000» ok", "card «4222222222222»", "4222222222222", "4500000000006",
		"pay «４１１１１１１１１１１１１１１１» ok", "«4111\u00a01111\u00a01111\u00a01111»", "«4111\u200b1111\u200b1111\u200b1111»",
		"«41111111\u200b11111111»", "«4 1 1 1 1 1 1 1 1 1 1 1 1 1 1 1»", "«41 11 11 11 11 11 11 11»", "abc«4111111111111111»def",
		"«4111111111111111» «5555555555554444»", "«4111 1111 1111 1111» «5555 5555 5555 4444»", "12 «4111 1111 1111 1111»",
		"id 99 «4111111111111111»", "1234 «4111111111111111»", "4242 «4111 1111 1111 1111» 4242", "«4111111111111111».00",
		"«4111111111111111»«5555555555554444»", "99944111111111111111", "000«4111111111111111»", "«4111  1111  1111  1111»",
		"«4111 - 1111 - 1111 - 1111»", "«30569309025904»", "«3056 930902 5904»", "«6011111111111117»", "«2223003122003222»",
		"«4.111111111111111e15»", "«4.111111111111111E+15»", "x 17 «4.111111111111111e15»", "5 «5.500000000002e15», 1", "%B«4111111111111111»^ADA", ";«4111111111111111»=2512", "41114111111111111111", "«4111+1111+1111+1111»",
		"4«5555-5555-5555-4444»", "«5555 5555 5555 4444»1", "12«5555.5555.5555.4444»34", "9«3782 822463 10005»", "«3782-822463-10005»0",
		"45555-5555-5555-4445", "4555-55-5555-5554-444", "x 4«5555-5555-5555-4»†",
		"«4111_1111_1111_1111»", "«4111\u20111111\u20111111\u20111111»",
		"order 1234567890123456 ok", "4111111111111112", "411111111111", "550e8400-e29b-41d4-a716-446655440000", "2024-01-15T10:30:45.123456789Z",
		"1718456123456789012", "1700000000000", "1700000000000000", "0.4111111111111111", "3.14159265358979", "48.85661400000001",
		"20240115103045123456", "2024-01-15 10:30 2024-01-16", "978-3-16-148410-0", "+1 415 555 2671", "12345678901234567890",
		"{\"n\":12345678901234567890}", "1.7976931348623157e308", "4111,1111,1111,1111", "41111111-1111-1111", "4111-123456789012",
		"pay with «4111 1111 1111 1»†", "x «41111111»†", "x «4111 1111 »†", "x 4111 11†", "x 1234567890†", "«4111111111111111» 12†", "0.41111111†",
	},
	"iban": {
		"pay «GB82 WEST 1234 5698 7654 32» ok", "«GB82WEST12345698765432»", "«gb82west12345698765432»", "«DE89370400440532013000»",
		"«DE89-3704-0044-0532-0130-00»", "«NO9386011117947»", "«GB82\u00a0WEST\u00a01234\u00a05698\u00a07654\u00a032»",
		"GB83WEST12345698765432", "XGB82WEST12345698765432", "ZZ82WEST12345698765432", "GB8", "AB12 cars", "«GB82 WEST 12»†", "GB82 W†",
	},
	"jwt": {
		"t «" + jwtFull + "» ok", "«" + jwtHead + ".eyJzdWIiOiIxIn0.»", "«" + jwtHead + ".e30.c2ln»", "«" + jwtHead + "..c2ln»",
		"«eyJhbGciOiJkaXIiLCJlbmMiOiJBMTI4R0NNIn0..aXY.Y3Q.dGFn»", "«eyJhbGciOiJSU0EtT0FFUCJ9.a2V5.aXY.Y3Q.dGFn» x",
		"«ewogICJhbGciOiAiSFMyNTYiCn0.eyJzdWIiOiIxIn0.c2ln»", "«ew0KICJhbGciOiJIUzI1NiJ9.eyJzdWIiOiIxIn0.c2ln»",
		"«" + jwtHead + ".eyJzdWIiOiIxIn0»", "see «" + jwtFull + "».", "\"«" + jwtFull + "»\"", "x=«" + jwtFull + "»&y=1",
		"«eyJhbGciOiJIUzI1NiJ9==.eyJzdWIiOiIxIn0=.c2ln»",
		"heyJude.foo.bar", jwtHead, jwtHead + ".x", "www.eyJ.com.de", "eyJ", "money.key.they",
		"«" + jwtHead + ".eyJzdWIiOiJTWU5USCI»†", "«" + jwtHead + "»†", "«eyJhbGciOi»†", "«" + jwtHead + ".»†",
	},
	"bearer": {
		"Authorization: Bearer $TOKEN", "Bearer $API_TOKEN", "Bearer «$a1B2c3D4»",
		"authorization: bEaReR   «S3CR3T-bc12345» ok", "Bearer «abc»", "  Bearer «abc»  ", "Bearer\t«S3CR3T-12345»", "Bearer%20«S3CR3T-12345»",
		"Bearer+«S3CR3T12345»", "Authorization: Bearer «short»", "\"Authorization\":\"Bearer «abc»\"", "x\\nBearer «S3CR3T-12345»",
		"curl -H 'Authorization: Bearer «tok»' u", "Bearer: «S3CR3T-12345»", "Bearer «abc.def.ghi123»,", "BEARER «aaaaaaaaaaaaaaaaaaaaaaaa» x",
		"Bearer \u00a0«S3CR3T-12345»",
		"the bearer of this note", "token_type bearer", "Bearer realm=\"api\", x=\"1\"", "forbearer S3CR3T-12345", "bearer", "bearers S3CR3T123",
		"x bearer «abc»†", "Bearer †",
	},
	"basic_auth": {
		"Basic «dXNlcjpwYXNz» ok", "basic   «dXNlcjpwYXNz»", "Authorization: BASIC «UzNDUjNUOlMzQ1IzVA==»", "Basic%20«dXNlcjpwYXNz»",
		"Authorization: Basic «AAAAAAAAAAAA»", "x Basic «dXNlcjpw»†", "x Basic «dXNl»†",
		"Basic training", "basic auth is old", "Basic dXNl", "Visual Basic programming", "basic",
	},
	"private_key": {
		"a «-----BEGIN PRIVATE KEY-----\nMIIB\n-----END PRIVATE KEY-----» b", "«-----BEGIN RSA PRIVATE KEY-----\nMIIB\nabc»",
		"«-----BEGIN OPENSSH PRIVATE KEY-----\\nabc\\n-----END OPENSSH PRIVATE KEY-----»\\n", "«-----BEGIN PGP PRIVATE KEY BLOCK-----\n\nx\n-----END PGP PRIVATE KEY BLOCK-----»",
		"«---- BEGIN SSH2 ENCRYPTED PRIVATE KEY ----\nx\n---- END SSH2 ENCRYPTED PRIVATE KEY ----»", "«-----BEGIN EC PRIVATE KEY-----»†",
		"key: «MIIBabc+/=\nAbc==\n-----END PRIVATE KEY-----» b",
		"-----BEGIN CERTIFICATE-----\nMIIB\n-----END CERTIFICATE-----", "-----BEGIN PUBLIC KEY-----\nMIIB\n-----END PUBLIC KEY-----",
		"BEGIN PRIVATE KEY", "--------", "-----BEGIN", "THE END IS NEAR",
	},
	"aws_access_key": {
		"id «AKIAIOSFODNN7EXAMPLE» x", "«ASIAIOSFODNN7EXAMPLE»", "k=«AKIAIOSFODNN7EXAMPLE»", "%3D«AKIAIOSFODNN7EXAMPLE»", "«AKIAIOSF»†",
		"AWS4-HMAC-SHA256 Credential=«AKIAIOSFODNN7EXAMPLE»/20130524/us-east-1/s3/aws4_request, Signature=abc", "/v1/long/segments/«AKIAIOSFODNN7EXAMPLE»/x",
		"AKIAIOSFODNN7EXAMPL", "AKIAIOSFODNN7EXAMPLEX", "akiaiosfodnn7example", "abcdefgh12345678AKIAIOSFODNN7EXAMPLE",
	},
	"password_hash": {
		"«$2b$12$EixZaYVK1fsbw1ZfbX3OXePaWxn96p36WQoeG6Lruj3vjPGga31lW»", "ada:«$apr1$r31.....$HqJZimcKQFAMYayBlzkrA/»",
		"root:«$6$saltsalt$qFmFH.bQmmtXzyBY0s9v7Oicd2z4XSIecDzlB5KiA2/jctKu9YterLp8wwnSq»:19000:0",
		"x «$argon2id$v=19$m=65536,t=3,p=4$c29tZXNhbHRzb21l$RdescudvJCsgt3ub+b2dWRWJTmaaZObG7fVQKdQ2nQ4» y",
		"«pbkdf2_sha256$260000$Zk3xQ9rLt2vB$8mX0hC1dE5gH7jK9mN1pQ2rS4tU6vW8xY0zCaB3dE5g=»", "«{SSHA}0c0blFTXXNuAMHECS4uxrj3ZieMoWImr»", "bob:«{SHA}VBPuJHI7uixaa6LQGWx4s+5GKNE=»",
		"«*2470C0C06DEE42FD1618BB99005ADCA2EC9D1E19»", "x '«*2470C0C06DEE42FD1618BB99005ADCA2EC9D1E19»'", "a=«*6BB4837EB74329105EE4568DDA7DC67ED2CA2AD9»&b", "*2470C0C0", "* 2470C0C06DEE42FD1618BB99005ADCA2EC9D1E19", "**2470C0C0**",
		"«$P$B7889EMq/erHIuZapMB8GEizebcIy9.»", "costs $2 or $1$ or $6$ and $y$", "$1$2", "US$2a$x", "$argon2id$v=19", "$PATH$HOME", "jQuery.fn.$1$2",
	},
	"prose_secret": {
		"my password is «hunter2»", "my password is «hunter2».", "The password is: «Maple-71»", "password is \"«a b c d»\"",
		"set the password to «x9!kLm»", "password «Maple-71-ridge» works", "Passwort lautet «Maple71»", "the token is «q8Wz3Lk0»", "the secret key is «k3y-abc»",
		"PIN is «4821»", "my API key is «q8Wz3Lk0Xn5v».", "the primary key is id17", "api key is stored in vault2", "your OTP is «482913»", "cvv is «733»", "password for ada is «hunter2»",
		"the password is invalid", "password is required", "password is 8 characters", "the token is an ERC-20 token", "The token is ERC-20", "token is null",
		"password was changed on 2026-01-01", "OTP is 6 digits", "the password is \"too short\"", "password is sha256", "tokenIsX1 is a1b2c3", "password 2FA",
		"the secret is out", "PINs 4821", "reset password to continue", "password is 2026-01-01",
		"your code is «482113»", "Your Acme code is «482113».", "Your verification code is: «482113»", "Verification code: «482-113»", "use access code «4821» to log in",
		"«482113» is your Acme verification code", "«G-482113» is your Google verification code.", "Use «482113» as your login code", "<#> Your app code: «482113»",
		"Your code is <b>«482113»</b>, valid for 10 minutes", "Your security code is «A7K9Q2»", "code is «482113»", "Your passcode is «4821»", "your confirmation code is «482 113»",
		"Votre code est «482113»", "Votre code de vérification est : «482113»", "Ihr Sicherheitscode lautet «482113»", "Su código de verificación es «482113»", "Seu código é «482113»",
		"«482113» is your one-time password", "«4821» is your OTP", "OTP is «482113»", "otp is «482113»", "Your Otp for login is «482113»", "my pin is «4821»", "Your Pin is «4821»", "PIN code is «4821»",
		"the error code is 482113", "error code 482113", "Your zip code is 94107", "94107 is your zip code", "status code is 200", "your promo code is 482113", "Your order code is 482113", "country code 49",
		"code: 482113", "Code: 482113 not found", "HS Code: 850440", "Kod pocztowy: 482113", "Kod produktu: 482113", "kodak 482113", "Почтовый код: 482113",
		"Code: «482113»", "Hi,\nCode: «482113».\nBye", "<p>Code: «482113»</p>", "Kod: «482113»", "Twój kod weryfikacyjny: «4821»", "Twój kod to «482113»", "Váš ověřovací kód: «482113»",
		"Din kod är «482113»", "Din verifieringskod är «482113»", "Din kode er «482113»", "Doğrulama kodunuz: «482113»", "Ваш код подтверждения: «482113»", "Код: «482113»",
		"您的验证码是«482113»，5分钟内有效", "【Acme】验证码：«4821»", "認証コード: «482113»", "인증번호 [«482113»]를 입력", "验证码错误 (1)",
		"exit code 137", "code 482113", "the code is 404", "your code is wrong", "encode is 482113", "codes 482113", "the code is A", "your code is B", "use this code to sign in", "Use this code to sign in: «482113»", "apply 123456 to your code", "your code is 12 characters", "source code is 123456 lines",
		"pin is 17", "pins are 4821", "spin is 4821", "HTTP response code: 482113", "The tracking code is 482113", "shipping code is free",
		"password is \"«swordfish»\"", "my password is «swordfish».", "set the password to '«correcthorse»'", "My new password is «CorrectHorse»", "Mot de passe est «Maple71»", "Votre mot de passe est : «Maple-71»",
		"Su contraseña es «Maple71»", "la password è «Maple71»", "Das Kennwort lautet «Maple71»", "Ihr Passwort lautet «sonnenblume».",
		"my password is wrong", "your password is incorrect.", "the password is encrypted", "your password is case-sensitive", "my password is not working", "your password is protected by us",
		"the new password is required", "password is \"required\"", "your password is secure", "the password is stored hashed", "My password is automatically saved", "Votre mot de passe est incorrect",
		"password 7 «0822455D0A16»", "enable secret 5 «$1$mERr$hx5rVt7rPNoS4wqbXKX7m0»", "username admin privilege 15 password 0 «cisco»", "enable password «cisco123»", "username admin password «Maple71x»", "tacacs-server key 7 «0822455D0A16»",
		"password 7 days", "no longer include username or password information.", "The username and password fields are deprecated", "password 8 characters", "password 0 times",
	},
	"aws_secret_key": {
		"aws_secret_access_key = «wJalrXUtnFEMIK7MDENGbPxRfiCYEXAMPLEKEY00»", "SecretAccessKey: \"«wJalrXUtnFEMI/K7MDENG/bPxRfiCYEXAMPLEKEY»\"",
		"<SecretAccessKey>«wJalrXUtnFEMI/K7MDENG/bPxRfiCYEXAMPLEKEY»</SecretAccessKey>", "AWS_SECRET=«wJalrXUtnFEMI/K7MDENG/bPxRfiCYEXAMPLEKEY»",
		"secret_access_key=«wJalrXUtn»†",
		"the secret of wJalrXUtnFEMI/K7MDENG/bPxRfiCYEXAMPLEKEY", "secret_access_key=short", "wJalrXUtnFEMI/K7MDENG/bPxRfiCYEXAMPLEKEY",
	},
	"github_token": {
		"t «ghp_abcdefghijklmnopqrstuvwxyz0123456789» x", "«github_pat_11ABCDEFG0abcdefghijkl_mnop»", "«gho_16C7e42F292c6912E7710c838347Ae178B4a»",
		"\\n«ghs_16C7e42F292c6912E7710c838347Ae178B4a»", "«ghp_ab»†", "ghp_short", "ghx_abcdefghijklmnopqrstuvwxyz0123456789", "high_tide",
	},
	"gitlab_token": {"«glpat-abcdefghij0123456789» x", "«glrt-abcdefghij0123456789»", "«glpat-a»†", "glpat-", "glad-abcdefghij0123456789"},
	"slack_token": {
		"«xoxb-123456789012-abcdef» x", "«xapp-1-A0123-456-abc»", "https://«hooks.slack.com/services/T000/B000/XXXXXXXXXXXX»", "«xoxe.xoxp-1-abcdefgh»",
		"xoxz-123456789012", "xoxb-short",
	},
	"stripe_key": {"«sk_live_abcdefghij0123» x", "«rk_test_abcdefghij0123»", "«whsec_abcdefghij0123»", "task_list_items", "sk_life_abcdefghij0123", "pk_live_abcdefghij0123"},
	"google_api_key": {
		"t «AIzaSYNTHETICsyntheticSYNTHETICsynthet1» ok", "«ya29.a0AfH6SMBabcdefghijkl»", "«GOCSPX-abcdefghijklmnop»", "AIzaShort", "pizza",
	},
	"vendor_key": {
		"«2/1200123456789012/1200987654321098:0123456789abcdef0123456789abcdef»", "pat «1/1200123456789012:0123456789abcdef0123456789abcdef» x",
		"/1/1200123456789012/tasks", "2/1200123456789012:0123456789abcdef", "https://app.asana.com/0/1200123456789012/1200987654321098",
		"«npm_abcdefghijklmnopqrstuvwxyz0123456789»", "«SG.abcdefghijklmnopqrstuv.abcdefghijklmnopqrstuvwxyz0123456789»", "«sk-ant-api03-abcdefghijkl»",
		"«hvs.CAESIabcdefghijklmnopqrst»", "AccountName=x;«AccountKey=abcdefghijklmnopqrstuvwxyz0123456789ABCDEFGH==»;", "sk-learn is a library",
		"SG. is short", "task-force-alpha", "npm_config_cache",
	},
	"url_userinfo": {
		"see https://«ada:S3CR3T»@h.test/x", "https:\\\\«ada:S3CR3T-p8»@h.test\\x", "https://«ghp_x»@github.com/a", "postgres://«u:p»@db:5432/x",
		"//«ada:pw»@h.test/", "x //«ada:pw»@h.test/", "https:/«ada:pw»@h", "https:///«ada:pw»@h", "postgres://«u:p/w»@host/db", "a://«x@y:z»@h",
		"jdbc:oracle:thin:«scott/tiger»@db:1521:orcl", "jdbc:oracle:thin:«scott/tig#er$1»@//db:1521/svc", "jdbc:oracle:thin:@db:1521:orcl", "jdbc:oracle:oci:«s/t9»@tns",
		"«u:pw»@tcp(db:3306)/x", "redis://«:pw»@h", "(https://«a:b»@h)", "https://«ada:S3CR»†",
		"https://h.test/a@b", "https://h.test:8080/a@b", "http://[2001:db8::1]:8080/a@b", "mail ada@h.test", "// ada:pw@h", "https://h.test/?q=a:b@c",
		"C:/x@y", "https://h.test/†",
	},
	"email": {
		"mail «synth.user@example.test» ok", "«a+tag@sub.example.co.uk»,", "<«ada@example.com»>", "mail «synth.user%40example.test»",
		"«\"ada l\"@example.com»", "«ada@[192.0.2.1]»", "«jürgen@exämple.de»", "«ada@localhost»", "«synth.user＠example.test»", "«ADA@EXAMPLE.COM».", "x=«ada@example.com»",
		"«a@b.co» «c@d.eu»", "mailto:«ada@example.com»?x", "«o'brien@example.com»",
		"@scope/pkg", "pkg@1.2.3", "foo @ bar", "a@b", "user@", "@", "price: 5@10.50",
		"write to «synth.user@exam»†", "«synth.user@»†",
	},
	"ip": {
		"from «203.0.113.57» ok", "«203.0.113.57»:443", "[«2001:db8::57»]:443", "from «::ffff:203.0.113.57» ok", "«fe80::1%eth0» x", "«::1»",
		"http://«10.0.0.1»/x", "«10.0.0.1».", "ip=«10.0.0.1»,«10.0.0.2»", "«2001:db8:0:0:0:0:2:1»", "/hosts/«10.0.0.1»/x", "«10.0.0.0»/8", "at «2001:DB8::A:1».",
		"v1.2.3.4", "version 1.2.3.4", "1.2.3", "1.2.3.4.5", "256.1.1.1", "Chrome/120.0.0.0 Safari/537.36", "12:30:45", "std::vector", "a::b", "::",
		"00:1a:2b:3c:4d:5e", "00:1a:2b:ff:fe:3c:4d:5e", "1.2.3.4-beta", "10:30", "x:1", "Foo::Bar", "2024-01-15T10:30:45",
		"from «203.0.11»†", "x «2001:db8:»†", "pi 3.14†", "at 10:30†",
	},
	"ssn": {
		"ssn «123-45-6789» ok", "«123 45 6789»", "«123.45.6789»", "«078-05-1120»", "«123-45-6709»", "«899-99-9999»", "«123\u00a045\u00a06789»", "«123-45-67»†", "«123-45»†",
		"000-12-3456", "666-12-3456", "900-12-3456", "123-00-4567", "123-45-0000", "1123-45-6789", "123-45-67890", "123-45 6789", "123456789",
		"2024-01-15", "555-123-45-6789", "x 123-4†",
	},
	"phone": {
		"call «+14155552671» ok", "«+1 415 555 2671»", "«+49 (30) 1234567»", "«(415) 555-2671»", "«415-555-2671»", "«1-800-555-1234»", "«00 49 30 1234567»",
		"«+44 20 7946 0958».", "«+1415555»†",
		"2024-01-15", "1234567890", "10.0.0.1", "123-45-6789", "order 415", "+5", "3+4=7", "1.2.3",
	},
	"re:EMP-[0-9]{6}":            {"id «EMP-123456» «EMP-000001»", "EMP-12345", "emp-123456", "id «EMP-12»†", "id «EMP»†", "id E†"},
	"re:(?i)cust[0-9]+x?":        {"«CUST12x» and «cust9»", "cost1", "a «cus»†"},
	"re:\\b(?:foo|bar)-[a-z]{2}": {"«foo-ab» xfoo-ab «bar-cd»", "baz-ab"},
	"re:[a-f0-9]{32}":            {"«0123456789abcdef0123456789abcdef»", "0123456789abcdef"},
}

func TestDetectors(t *testing.T) {
	t.Parallel()
	all := mustCompile(t, Names()...)
	for name, list := range cases {
		s := mustCompile(t, name)
		for _, c := range list {
			in, cut := strings.CutSuffix(c, "†")
			plain := strings.NewReplacer("«", "", "»", "").Replace(in)
			var want []string
			for _, p := range strings.Split(in, "«")[1:] {
				w, _, _ := strings.Cut(p, "»")
				want = append(want, w)
			}
			if strings.HasPrefix(name, "url_userinfo") && strings.HasPrefix(plain, "//") {
				got := s.Find(nil, []byte(plain), cut)
				if len(got) != len(want) {
					t.Errorf("%s: %q: %v, want %q", name, plain, got, want)
				}
				continue
			}
			got := found(t, s, plain, cut)
			if !slices.Equal(got, want) {
				t.Errorf("%s: %q cut %v:\n got  %q\n want %q", name, plain, cut, got, want)
			}
			// With all detectors on, nothing of a match survives.
			if !strings.HasPrefix(name, "re:") {
				ms := all.Find(nil, []byte(plain), cut)
				checkShape(t, []byte(plain), ms)
				for _, m := range s.Find(nil, []byte(plain), cut) {
					if !covered(ms, m) {
						t.Errorf("%s: %q: %v is not covered with all detectors on: %v", name, plain, m, ms)
					}
				}
			}
		}
	}
}

func covered(ms []Match, m Match) bool {
	at := m.Start
	for _, x := range ms {
		if x.Start <= at && x.End > at {
			at = x.End
		}
	}
	return at >= m.End
}
