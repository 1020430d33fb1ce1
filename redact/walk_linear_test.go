// Copyright The apispan Authors
// SPDX-License-Identifier: Apache-2.0

package redact

import (
	"os"
	"strings"
	"testing"
	"time"
)

// TestContainersLinear makes bad inputs sixteen times as long: the time must not
// grow with the square.
func TestContainersLinear(t *testing.T) {
	if os.Getenv("APISPAN_TIMING") == "" {
		t.Skip("measures time; make test runs it apart, without the race detector")
	}
	p := mustPolicy(t, keysOnly())
	units := map[string][]string{
		"application/x-www-form-urlencoded": {"a=", "&", ";", "%25", "password=;", "a=%7B", "[", "%", "+", "a[b]=c&", "a=b%3Dc%26d%3D&"},
		"application/xml": {
			"<a>", "</a>", "<a/>", "<", ">", "<!--", "<![CDATA[", "<?", "<a b='", "<a b=''>", "&", "&#1", "<password>", "<password></a>", "<a name='password'>",
			"<name>password</name>", "<value>x</value><name>password</name>", "<!DOCTYPE [", "<a b='{\"'/>", "x&lt;",
		},
		"text/html": {
			"<p>", "<a>", "</b>", "<script>", "<script></", "<!--", "<input name=password value=x>", "<textarea>", "<password>", "< ", "<a b=c ", "<label>password</label>",
			"<title></t", "<a href='/?a=b'>",
		},
		"multipart/form-data; boundary=b": {
			"--b\r\n", "--b", "\r\n--", "--b\r\nContent-Disposition: form-data; name=a\r\n\r\n", "--b\r\na: b\r\n ", "--bb\r\n", "-", "\n", "--b\r\nContent-Type: multipart/mixed; boundary=b\r\n\r\n",
		},
		"application/x-ndjson": {"{", "{\"a\":1}\n", "\n", "\x1e", "[\n", "\"", "{\"password\":"},
		"text/event-stream":    {"data:\n", "data: {\n", "data: x\n\n", ":\n", "\n", "id", "data: {\"a\":1}\n"},
		"text/csv":             {",", "\"", "a,", "\n", "\",\"", "a,password\n", "password\n"},
		"text/plain": {
			"a:", "a=", "password=", "password: ", "password='", "password:\n ", "password={", "password=\"", "{\"", "{\"a\":", "[{", "{\"a\":1}", "eyJ", "eyJh ", "eyJhIjox ",
			"a b ", "%3D", "%253D", "<password>", "<password", "--password ", "\\\"password\\\":\\\"", "&quot;password&quot;:&quot;", "a,b\n", "a,password\n", "https://a:b@",
			"password=Bearer ", "password: |\n", "\\", "'", "`", "“", "/*", "password /*", "{'password': '", "?", "=", ":", "\n", " ", "password=(", "password: (\n",
			"uplicate entry '", "uplicate key value is (a) ", "Key (", "Key (a)=(", "Key (a)=(b) ", "-u a:b ", "--user=a:b ", "contains(a,'", "('a','", "a.b IN ('",
		},
		"application/json": {"\"-u\",", "\"-ua:b\",", "\"-p\","},
	}
	for contentType, list := range units {
		heads := []string{"", "<u>", "a: b\n", "password"}
		if contentType == "application/json" {
			heads = []string{"["}
		}
		for _, unit := range list {
			for _, head := range heads {
				measure := func(n int) time.Duration {
					in := head + strings.Repeat(unit, n/len(unit))
					best := time.Hour
					for range 2 {
						start := time.Now()
						bodyOf(p, contentType, in)
						best = min(best, time.Since(start))
					}
					return best
				}
				if big := measure(1 << 18); big > 20*time.Millisecond {
					small := measure(1 << 14)
					t.Logf("%s %q%q: %v for 16 KB, %v for 256 KB", contentType, head, unit, small, big)
					if big > 100*small && big > 300*time.Millisecond {
						t.Errorf("%s %q%q: %v for 16 KB, %v for 256 KB", contentType, head, unit, small, big)
					}
				}
			}
		}
	}
}
