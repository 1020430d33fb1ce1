// Copyright The apispan Authors
// SPDX-License-Identifier: Apache-2.0

package redact

import (
	"fmt"
	"math/rand/v2"
	"strings"
	"testing"
)

// fastTokens are pieces of which TestFastPaths makes documents.
var fastTokens = map[string][]string{
	"application/x-www-form-urlencoded": {
		"a=", "user_name=ada", "password=", "pass", "word=S3CR3T", "&", "&", "&", ";", "%", "%3D", "%26", "%41", "+", "x", "=", "{", `{"password":"x"}`,
		"%7B%22password%22:1}", "a_key_of_more_than_sixteen_bytes=1", "p%61ssword=x", "[b]", ":", "<", "'", "*", "comment=hello+world", "eve", "token=t&",
		"\xff", "é", "name=password&", "k=1234567890123456789012345678901234567890&",
	},
	"application/xml": {
		"<a>", "</a>", "<a>", "</a>", "<b>", "</b>", "<a/>", "<password>", "</password>", "<password>x</password>", "<a>text</a>", "<b>a&amp;b</b>", "<b>password=x</b>",
		"<name>password</name>", "<value>S3CR3T</value>", "<name>", "</name>", "<a b='c'>", "<a password=\"x\">", "<a name='token' value='y'/>", "text", " ", "\n", "<!-- password=x -->",
		"<![CDATA[password=x]]>", "&#112;", "<", ">", "<a ", "<n:password>x</n:password>", "<a>{\"password\":1}</a>", "<user_name>ada lovelace</user_name>", "<k>eve</k>", "é",
		"<label>pin</label>", "<a>x</b>", "<p:a>x</p:a>", "<a>x</a >", "<a>x</a", "<\x01a>", "<user_name_of_many_letters>x</user_name_of_many_letters>",
	},
	"text/html": {
		"<p>", "</p>", "<div class=\"row\">", "</div>", "<p>two words</p>", "<br>", "<br>x</br>", "<td>x</td>", "<th>password</th>", "<dt>password</dt>", "<dd>S3CR3T</dd>", "<script>var password='x'</script>",
		"<script>", "</script>", "<input name=password value=x>", "<P>x</P>", "<p>x</P>", "<title>password=x</title>", "<a href=\"/order?password=x\">o</a>", "<b>a < b</b>", "<b>a<b</b>",
		"text", "&lt;", "<label>password</label>", "<password>x</password>", "<dt>", "</dt>", "<textarea>x</textarea>", "<i>password: x</i>", "<name>pin</name>", "<value>1</value>", "\n", "<style>a</style>",
	},
	"text/plain": {
		"a", " ", " ", "\n", ":", "=", "password", "card number", "user_name=ada", "order_id=17", "token: x", "note=\"two words\"", "2026-01-01T00:00:00Z", "INFO", "order accepted ", "{\"password\":\"x\"}", "[", "{", "}",
		"--password x", "-u a:b", "%3D", "%", "\\n", "\\\"", "'", "<password>x</password>", "<", ">", "-", "é", "：", "＝", "\xef", "\xff", "card\tnumber: 1", "a,b\n", "password,b\n", "eyJwYXNzd29yZCI6IngifQ==", "credit card number=4111",
	},
	"text/csv": {
		"user,password,comment\n", "a,b,c\n", "ada,hunter2,hello world\n", "ada,\"x,y\",z\n", "a;b\n", ",", "\n", "\"", "x", "password,x,y\n", "a,b,c,d\n", "a,\"\"\"b\",c\n", "\r\n", "a,b=c,d\n", " ", "e,f,g\n", "token", "pin,user\n",
		"{\"password\":1}", "ada,1234567,hello world\n", ",,\n", "é,",
	},
	"multipart/form-data; boundary=b": {
		"--b\r\n", "--b\r\n", "\r\n--b\r\n", "\r\n--b--\r\n", "Content-Disposition: form-data; name=\"a\"\r\n\r\n", "Content-Disposition: form-data; name=\"password\"\r\n\r\n", "value", "password=x", "\r\n", "\n",
		"Content-Disposition: form-data; name=\"a\"; filename=\"f\"\r\n", "Content-Type: application/json\r\n\r\n", "{\"password\":\"x\"}", "Content-Disposition: form-data; name=\"a%70\"\r\n\r\n", "Content-Disposition: form-data; name=a\r\n\r\n",
		"content-disposition: form-data; name=\"token\"\n\n", "Content-Disposition: form-data; name=\"a\\\"b\"\r\n\r\n", "x\r\ny", "--", "Content-Disposition: form-data; name=\"user_name_of_many_letters\"\r\n\r\n",
		"Content-Disposition: form-data; name=\"user[password]\"\r\n\r\n", "Content-Disposition: form-data; name=\"\"\r\n\r\n",
	},
	"text/event-stream": {
		"data: ", "data: {\"password\":\"x\"}\n", "data:x\n", "\n", "\n\n", "id: 1\n", "id: password=x\n", "event: m\n", "event", ": comment\n", "password: x\n", "retry: 10\n", "x", "data\n", "token=1\n", "\r\n",
	},
}

// TestFastPaths compares what the walkers do when only keys matter, where they
// pass over most of a document in short ways, with what they do when there is a
// detector, which never matches but switches these ways off.
func TestFastPaths(t *testing.T) {
	t.Parallel()
	for i, keys := range []Keys{{Deny: asRules(defaultKeys)}, {Drop: asRules(defaultKeys)}, {Deny: asRules([]string{"password", "cardnumber", "name"})}} {
		fast := mustPolicy(t, Config{Keys: keys})
		slow := mustPolicy(t, Config{Keys: keys, Regex: []Regex{{ID: "never", Regex: `ZQXJ[0-9]{30}QJ`, Action: "mask"}}})
		if fast.det != nil || slow.det == nil {
			t.Fatal("detectors must be off in one policy and on in the other")
		}
		for contentType, tokens := range fastTokens {
			t.Run(fmt.Sprint(i, " ", contentType), func(t *testing.T) {
				t.Parallel()
				r := rand.New(rand.NewPCG(1, 2))
				n := 4000
				if testing.Short() {
					n = 400
				}
				for range n {
					var b strings.Builder
					for range 1 + r.IntN(24) {
						b.WriteString(tokens[r.IntN(len(tokens))])
					}
					in := b.String()
					got, want := bodyOf(fast, contentType, in), bodyOf(slow, contentType, in)
					if got != want {
						t.Fatalf("%s %q:\n got %q\nwant %q", contentType, in, got, want)
					}
				}
			})
		}
	}
}

// TestLearned compares a Scratch that has seen many documents, and guesses keys and
// values by those, with new ones.
func TestLearned(t *testing.T) {
	t.Parallel()
	p := mustPolicy(t, Config{Defaults: true, Keys: Keys{Deny: asRules([]string{"$.a.id", "$.list[*].name"})}})
	tokens := []string{
		`"a":`, `"b" :`, `"id":`, `"password":`, `"name":`, `"value":`, `"type": `, `"a\"b":`, `"a"b":`, `"a\\b":`, `"a\b":`, `"a\u0022b":`, `"\\":`, `"\":`, `"":`, `"list":`,
		`"a_key_of_16_byte":`, `"a_key_of_seventeen":`, `"a_longer_key_with_\"quote":`, `"a_longer_key_with_"quote":`, `"another_key_of_many_bytes":`, "\"é\":",
		"1", "12", "-1", "1.5", "01", "1.", "1.2.3", "12345678", "0", "0.5", "1e3", "true", "false", "null", "fals", "nul", `"x"`, `"password"`, `"S3CR3T-000001"`, `"two words"`, `"a=b"`, `"eyJhIjoiYiJ9"`,
		`"a text of some length eyJwYXNzd29yZCI6IngifQ=="`, `"J"`, `"4111111111111111"`, "{", "}", "[", "]", ",", ",", ",", ", ", "\n", " ", "{}", "[]", `{"id":1,"name":"x"}`, `{"id":2,"password":"y"},`,
	}
	learned := p.NewScratch()
	defer learned.Release()
	ex := Exchange{RequestContentType: "application/json"}
	r := rand.New(rand.NewPCG(7, 7))
	for range 6_000 {
		var b strings.Builder
		b.WriteString("{")
		for range 3 + r.IntN(12) {
			b.WriteString(tokens[r.IntN(len(tokens))])
			if r.IntN(3) == 0 {
				b.WriteString(",")
			}
		}
		doc := b.String()
		if r.IntN(2) == 0 {
			doc += strings.Repeat("}", r.IntN(3)) + strings.Repeat(" ", 30)
		}
		if r.IntN(4) == 0 { // a guess is only a guess
			var places []uint16
			for i := range learned.short {
				if learned.short[i].tag != 0 {
					places = append(places, uint16(i))
				}
			}
			for i := range learned.long {
				places = append(places, uint16(2*shortSets+i))
			}
			for i := range learned.follow {
				learned.follow[i] = places[r.IntN(len(places))] | uint16(r.IntN(2))*doubtful
			}
		}
		learned.Begin(ex)
		got, gotEffect := learned.Body(Request, doc)
		gotStats := learned.Stats()
		fresh := newScratch(p)
		fresh.Begin(ex)
		want, wantEffect := fresh.Body(Request, doc)
		if got != want || gotEffect != wantEffect || gotStats != fresh.Stats() {
			t.Fatalf("%s\nlearned %s (%v %+v)\nfresh   %s (%v %+v)", doc, got, gotEffect, gotStats, want, wantEffect, fresh.Stats())
		}
	}
}

// TestQuietValues does the same for values of attributes, of which some are masked.
func TestQuietValues(t *testing.T) {
	t.Parallel()
	p := mustPolicy(t, Config{
		Defaults: true, Patterns: map[string]string{"email": "report"},
		Rules: []ScopedRules{{When: When{Route: []string{"/b"}}, Keys: Keys{Deny: asRules([]string{"x-note"})}}},
	})
	keys := map[string]*Key{}
	for _, k := range []string{"http.request.header.x-note", "http.response.header.x-note", "http.request.header.cookie", "url.query", "url.path", "url.full", "user_agent.original", "network.peer.address", "client.address", "other"} {
		key := NewKey(k)
		keys[k] = &key
	}
	values := []string{"", "a", "a=b", "password=S3CR3T", "10.0.0.7", "ada@shop.example", "4111111111111111", "/orders/17?token=S3CR3T-1", "text of a few words", "eyJwYXNzd29yZCI6IngifQ=="}
	learned := p.NewScratch()
	defer learned.Release()
	r := rand.New(rand.NewPCG(8, 8))
	for range 6_000 {
		ex := Exchange{Route: [...]string{"/a", "/b"}[r.IntN(2)], Direction: [...]Direction{Incoming, Outgoing}[r.IntN(2)]}
		for k, key := range keys {
			v := values[r.IntN(len(values))]
			learned.Begin(ex)
			got, gotEffect := learned.AttributeOf(key, v)
			fresh := p.NewScratch()
			fresh.Begin(ex)
			want, wantEffect := fresh.Attribute(k, v)
			if got != want || gotEffect != wantEffect || learned.Stats() != fresh.Stats() || fmt.Sprint(learned.Counts()) != fmt.Sprint(fresh.Counts()) {
				t.Fatalf("%s = %s: learned %s (%v), fresh %s (%v)", k, v, got, gotEffect, want, wantEffect)
			}
			fresh.Release()
		}
	}
}

// Values in which no detector found anything are remembered: others are not taken for
// them, however alike they are.
func TestUnmet(t *testing.T) {
	t.Parallel()
	p := mustPolicy(t, Config{Defaults: true, Patterns: map[string]string{"email": "mask"}})
	learned := newScratch(p)
	for n := range 40 {
		b := []byte(strings.Repeat("abcdefgh-1234567", 3)[:n])
		hash, known := learned.unmet.hash(b)
		if known || (hash != 0) != (n >= 4 && n <= 32) {
			t.Fatalf("%d bytes: hash %x, known %v", n, hash, known)
		}
		learned.unmet.note(hash)
		if _, known = learned.unmet.hash(b); known != (hash != 0) {
			t.Fatalf("%d bytes are not remembered", n)
		}
		for i := range b {
			b[i] ^= 1
			if _, known = learned.unmet.hash(b); known {
				t.Fatalf("%d bytes: another byte at %d makes no difference", n, i)
			}
			b[i] ^= 1
		}
	}
	secrets := []string{"a@b.example", "ada@shop.example", "4111111111111111", "4111 1111 1111 1111", "AKIA2OGYBAH63RL7MQPW", "mysql -pS3CR3T-x1", "ghp_16C7e42F292c6912E7710c838347Ae178B4a"}
	r := rand.New(rand.NewPCG(9, 9))
	for range 3_000 {
		v := secrets[r.IntN(len(secrets))]
		if b := []byte(v); r.IntN(3) > 0 {
			b[r.IntN(len(b))] = "0a-@ 4"[r.IntN(6)] // mostly no secret any more
			v = string(b)
		}
		body := fmt.Sprintf(`{"note":%q,"list":[%q]}`, v, v)
		ex := Exchange{RequestContentType: "application/json"}
		learned.Begin(ex)
		got, _ := learned.Body(Request, body)
		fresh := newScratch(p)
		fresh.Begin(ex)
		if want, _ := fresh.Body(Request, body); got != want {
			t.Fatalf("%s: learned %s, fresh %s", body, got, want)
		}
	}
}
