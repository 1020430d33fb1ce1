// Copyright The apispan Authors
// SPDX-License-Identifier: Apache-2.0

package token

import (
	"bytes"
	"crypto/hmac"
	"crypto/sha256"
	"encoding/base64"
	"net/netip"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"time"
)

const (
	key1 = "0123456789abcdef0123456789abcdef"
	key2 = "fedcba9876543210fedcba9876543210!"
)

func ring(t *testing.T, cfg Config) *Keyring {
	t.Helper()
	r, err := New(cfg)
	if err != nil {
		t.Fatal(err)
	}
	return r
}

func token(t *testing.T, r *Keyring, scope, value string) string {
	t.Helper()
	out, ok := r.NewHasher().AppendToken([]byte("x"), []byte(scope), []byte(value))
	if !ok || out[0] != 'x' {
		t.Fatalf("AppendToken = %q, %v", out, ok)
	}
	return string(out[1:])
}

// The format, written down independently.
func TestTokenFormat(t *testing.T) {
	t.Parallel()
	r := ring(t, Config{Keys: []Key{{ID: "k1", Value: []byte(key1)}}})
	m := hmac.New(sha256.New, []byte(key1))
	m.Write([]byte("tenant\x00ada"))
	want := "hmac:k1:" + base64.RawURLEncoding.EncodeToString(m.Sum(nil)[:16])
	if got := token(t, r, "tenant", "ada"); got != want || len(got) != len("hmac:k1:")+22 {
		t.Errorf("got %s, want %s", got, want)
	}
	if a, b := token(t, r, "a", "b"), token(t, r, "", "ab"); a == b {
		t.Error("scope and value run together")
	}
	again, err := r.Token("k1", "tenant", []byte("ada"))
	if err != nil || again != want {
		t.Errorf("Token = %s, %v", again, err)
	}
}

func TestNothingToTokenise(t *testing.T) {
	t.Parallel()
	r := ring(t, Config{Keys: []Key{{ID: "k1", Value: []byte(key1)}}})
	h := r.NewHasher()
	if out, ok := h.AppendToken([]byte("d"), nil, nil); ok || string(out) != "d" {
		t.Error("empty value")
	}
	if _, ok := h.AppendToken(nil, []byte("a\x00b"), []byte("v")); ok {
		t.Error("scope with NUL")
	}
	if _, ok := h.AppendEncrypted(nil, nil); ok {
		t.Error("empty value encrypted")
	}
	var none *Keyring
	if _, ok := none.NewHasher().AppendToken(nil, nil, []byte("v")); ok || none.Ready() {
		t.Error("nil keyring")
	}
	for _, f := range []func() error{
		func() error { _, err := r.Token("nope", "", []byte("v")); return err },
		func() error { _, err := r.Token("", "", nil); return err },
		func() error { _, err := r.Token("", "\x00", []byte("v")); return err },
	} {
		if f() == nil {
			t.Error("no error")
		}
	}
}

func TestConfigErrors(t *testing.T) {
	t.Parallel()
	short := filepath.Join(t.TempDir(), "short")
	write(t, short, "S3CR3T-too-short\n")
	long := filepath.Join(t.TempDir(), "long")
	write(t, long, strings.Repeat("S3CR3T", 1000))
	for name, tt := range map[string]struct {
		cfg  Config
		want string
	}{
		"none":       {Config{}, "no keys"},
		"no source":  {Config{Keys: []Key{{ID: "k1"}}}, "0 sources"},
		"two":        {Config{Keys: []Key{{ID: "k1", Env: "A", File: "b"}}}, "2 sources"},
		"bad id":     {Config{Keys: []Key{{ID: "k:1", Env: "A"}}}, `keys[0]: id "k:1"`},
		"short":      {Config{Keys: []Key{{ID: "k1", File: short}}}, `key "k1"`},
		"short both": {Config{Keys: []Key{{Value: []byte("S3CR3T")}}}, "has 6 bytes, need at least 32; make one with: openssl rand -base64 32"},
		"long":       {Config{Keys: []Key{{ID: "k1", File: long}}}, "4096"},
		"dup":        {Config{Keys: []Key{{ID: "a", Value: []byte(key1)}, {ID: "a", Value: []byte(key2)}}}, `same id "a"`},
		"active":     {Config{Active: "zz", Keys: []Key{{ID: "a", Value: []byte(key1)}}}, `active key "zz"`},
		"rotate":     {Config{Rotate: time.Minute, Keys: []Key{{ID: "a", Value: []byte(key1)}}}, "rotate"},
	} {
		_, err := New(tt.cfg)
		if err == nil || !strings.Contains(err.Error(), tt.want) || strings.Contains(err.Error(), "S3CR3T") {
			t.Errorf("%s: error %v, want one with %q and no secret", name, err, tt.want)
		}
	}
}

func write(t *testing.T, name, text string) {
	t.Helper()
	if err := os.WriteFile(name, []byte(text), 0o600); err != nil {
		t.Fatal(err)
	}
}

func TestMissingThenReloaded(t *testing.T) {
	t.Parallel()
	file := filepath.Join(t.TempDir(), "k")
	r := ring(t, Config{Keys: []Key{{ID: "k1", File: file}}})
	h := r.NewHasher()
	if _, ok := h.AppendToken(nil, nil, []byte("v")); ok || r.Ready() {
		t.Fatal("token without a key")
	}
	if st := r.Status()[0]; st.Loaded || !strings.Contains(st.Reason, "does not exist") || st.ID != "k1" {
		t.Errorf("status %+v", st)
	}
	if r.Reload() == nil {
		t.Error("Reload of a missing key gave no error")
	}
	write(t, file, key1+"\n")
	if err := r.Reload(); err != nil || !r.Ready() {
		t.Fatal(err)
	}
	one, ok := h.AppendToken(nil, nil, []byte("v"))
	if want := token(t, ring(t, Config{Keys: []Key{{ID: "k1", Value: []byte(key1)}}}), "", "v"); !ok || string(one) != want {
		t.Errorf("after reload %q, want %q", one, want)
	}
	write(t, file, key2)
	if err := r.Reload(); err != nil {
		t.Fatal(err)
	}
	if two, ok := h.AppendToken(nil, nil, []byte("v")); !ok || bytes.Equal(one, two) {
		t.Error("the hasher kept the old key")
	}
	// A damaged or vanished file keeps the last good key.
	for _, damage := range []func(){func() { write(t, file, "short") }, func() { _ = os.Remove(file) }} {
		damage()
		if err := r.Reload(); err == nil || !r.Ready() || r.Status()[0].Reason == "" {
			t.Errorf("damage: err %v, ready %v", err, r.Ready())
		}
	}
}

func TestEnv(t *testing.T) {
	t.Setenv("APISPAN_TEST_KEY", key1)
	r := ring(t, Config{Keys: []Key{{Env: "APISPAN_TEST_KEY"}, {ID: "old", Env: "APISPAN_TEST_UNSET"}}})
	st := r.Status()
	if !st[0].Active || len(st[0].ID) != 5 || st[1].Loaded {
		t.Errorf("status %+v", st)
	}
}

func TestDerivedIDFollowsKey(t *testing.T) {
	t.Parallel()
	a := ring(t, Config{Keys: []Key{{Value: []byte(key1)}}}).Status()[0].ID
	b := ring(t, Config{Keys: []Key{{Value: []byte(key2)}}}).Status()[0].ID
	if a == b || !validID(a) {
		t.Errorf("ids %q and %q", a, b)
	}
	r := ring(t, Config{Active: b, Keys: []Key{{Value: []byte(key1)}, {Value: []byte(key2)}}})
	if got := token(t, r, "", "v"); !strings.HasPrefix(got, "hmac:"+b+":") {
		t.Errorf("active by derived id: %s", got)
	}
}

func TestRetiredKey(t *testing.T) {
	t.Parallel()
	old := ring(t, Config{Keys: []Key{{ID: "k1", Value: []byte(key1)}}})
	was := token(t, old, "", "ada")
	enc, ok := old.NewHasher().AppendEncrypted(nil, []byte("ada"))
	if !ok {
		t.Fatal("encrypt")
	}
	r := ring(t, Config{Active: "k2", Keys: []Key{{ID: "k2", Value: []byte(key2)}, {ID: "k1", Value: []byte(key1)}}})
	if got := token(t, r, "", "ada"); !strings.HasPrefix(got, "hmac:k2:") {
		t.Errorf("new token %s", got)
	}
	if got, err := r.Token("k1", "", []byte("ada")); err != nil || got != was {
		t.Errorf("Token under the old key = %s, %v, want %s", got, err, was)
	}
	if got, err := r.Decrypt(string(enc)); err != nil || string(got) != "ada" {
		t.Errorf("Decrypt = %q, %v", got, err)
	}
}

func TestEncrypt(t *testing.T) {
	t.Parallel()
	r := ring(t, Config{Keys: []Key{{ID: "k1", Value: []byte(key1)}}})
	h := r.NewHasher()
	for _, v := range []string{"a", "\x00\xff", strings.Repeat("long ", 1000)} {
		one, ok := h.AppendEncrypted(nil, []byte(v))
		two, _ := h.AppendEncrypted(nil, []byte(v))
		if !ok || bytes.Equal(one, two) || !bytes.HasPrefix(one, []byte("enc:v1:k1:")) {
			t.Fatalf("%q, %q", one, two)
		}
		if got, err := r.Decrypt(string(one)); err != nil || string(got) != v {
			t.Errorf("Decrypt = %q, %v", got, err)
		}
	}
	enc, _ := h.AppendEncrypted(nil, []byte("S3CR3T"))
	other := ring(t, Config{Keys: []Key{{ID: "k1", Value: []byte(key2)}}})
	relabelled := ring(t, Config{Keys: []Key{{ID: "k9", Value: []byte(key1)}}})
	flipped := bytes.Clone(enc)
	flipped[len(flipped)-5] ^= 1
	for name, f := range map[string]func() ([]byte, error){
		"wrong key": func() ([]byte, error) { return other.Decrypt(string(enc)) },
		"label":     func() ([]byte, error) { return relabelled.Decrypt(strings.Replace(string(enc), "k1", "k9", 1)) },
		"flipped":   func() ([]byte, error) { return r.Decrypt(string(flipped)) },
		"cut":       func() ([]byte, error) { return r.Decrypt(string(enc[:14])) },
		"foreign":   func() ([]byte, error) { return r.Decrypt("hmac:k1:abc") },
		"bad kid":   func() ([]byte, error) { return r.Decrypt("enc:v1:S3CR3T !:AAAA") },
	} {
		if got, err := f(); err == nil || len(got) > 0 || strings.Contains(err.Error(), "S3CR3T") {
			t.Errorf("%s: %q, %v", name, got, err)
		}
	}
	h.active().sealed.Store(maxSealed)
	if out, ok := h.AppendEncrypted([]byte("d"), []byte("v")); ok || string(out) != "d" {
		t.Error("encrypted past the nonce limit")
	}
}

func TestRotation(t *testing.T) {
	t.Parallel()
	now := time.Unix(1_800_000_000, 0)
	var mu sync.Mutex
	clock := func() time.Time { mu.Lock(); defer mu.Unlock(); return now }
	r, err := newKeyring(Config{Rotate: 24 * time.Hour, Keys: []Key{{ID: "k1", Value: []byte(key1)}}}, clock)
	if err != nil {
		t.Fatal(err)
	}
	h := r.NewHasher()
	one, _ := h.AppendToken(nil, nil, []byte("v"))
	if !bytes.HasPrefix(one, []byte("hmac:k1-20833:")) {
		t.Fatalf("token %s", one)
	}
	enc, _ := h.AppendEncrypted(nil, []byte("v"))
	mu.Lock()
	now = now.Add(24 * time.Hour)
	mu.Unlock()
	two, _ := h.AppendToken(nil, nil, []byte("v"))
	if !bytes.HasPrefix(two, []byte("hmac:k1-20834:")) || bytes.Equal(one[14:], two[14:]) {
		t.Fatalf("token %s", two)
	}
	if got, err := r.Token("k1-20833", "", []byte("v")); err != nil || got != string(one) {
		t.Errorf("old period: %s, %v", got, err)
	}
	if got, err := r.Decrypt(string(enc)); err != nil || string(got) != "v" {
		t.Errorf("old period: %q, %v", got, err)
	}
	if !r.Status()[0].Active {
		t.Error("status")
	}
}

func TestConcurrentReload(t *testing.T) {
	t.Parallel()
	file := filepath.Join(t.TempDir(), "k")
	write(t, file, key1)
	r := ring(t, Config{Keys: []Key{{ID: "k", File: file}}})
	var wg sync.WaitGroup
	for range 4 {
		wg.Go(func() {
			h := r.NewHasher()
			for range 500 {
				if _, ok := h.AppendToken(nil, nil, []byte("v")); !ok {
					t.Error("no token")
					return
				}
			}
		})
	}
	for i := range 50 {
		// Replace atomically, as secret stores do.
		tmp := file + ".new"
		write(t, tmp, []string{key1, key2}[i%2])
		if err := os.Rename(tmp, file); err != nil {
			t.Fatal(err)
		}
		if err := r.Reload(); err != nil {
			t.Fatal(err)
		}
	}
	wg.Wait()
}

func TestParseIP(t *testing.T) {
	t.Parallel()
	for in, want := range map[string]string{
		"203.0.113.57": "203.0.113.57", " 203.0.113.57:443": "203.0.113.57", "::ffff:203.0.113.57": "203.0.113.57",
		"[2001:db8::57]:443": "2001:db8::57", "\"[2001:DB8:0::57]\"": "2001:db8::57", "fe80::1%eth0": "fe80::1",
		"[fe80::1%25eth0]:1": "fe80::1", "::1": "::1", "[::ffff:cb00:7139]": "203.0.113.57", "0.0.0.0": "0.0.0.0",
		"": "", "localhost": "", "1.2.3": "", "1.2.3.4.5": "", "01.2.3.4": "", "256.1.1.1": "", "1.2.3.4:http": "",
		"[::1": "", "[::1]x": "", "1.2.3.4:123456": "", "1..2.3": "", "1.2.3.": "", "12:30:45": "",
	} {
		a, ok := ParseIP([]byte(in))
		if ok != (want != "") || ok && string(AppendIP(nil, a)) != want {
			t.Errorf("ParseIP(%q) = %v, %v, want %q", in, a, ok, want)
		}
	}
}

func FuzzParseIP(f *testing.F) {
	for _, s := range []string{"1.2.3.4", "[::1]:80", "::ffff:1.2.3.4", "fe80::1%a", "1.2.3.4:5"} {
		f.Add(s)
	}
	f.Fuzz(func(t *testing.T, s string) {
		a, ok := ParseIP([]byte(s))
		if want, err := netip.ParseAddr(s); err == nil && (!ok || a != want.Unmap().WithZone("")) && want.Zone() == "" {
			t.Fatalf("ParseIP(%q) = %v, netip %v", s, a, want)
		}
		if !ok {
			return
		}
		text := AppendIP(nil, a)
		if b, ok := ParseIP(text); !ok || a != b {
			t.Fatalf("%q -> %q -> %v", s, text, b)
		}
	})
}

func TestTruncate(t *testing.T) {
	t.Parallel()
	for _, tt := range []struct {
		in     string
		v4, v6 int
		want   string
	}{
		{"203.0.113.57", 24, 48, "203.0.113.0"}, {"::ffff:203.0.113.57", 16, 48, "203.0.0.0"},
		{"2001:db8:1:2:3::4", 24, 48, "2001:db8:1::"}, {"203.0.113.57", 99, 48, "0.0.0.0"}, {"::1", 24, 128, "::1"},
	} {
		if got := string(AppendTruncated(nil, netip.MustParseAddr(tt.in), tt.v4, tt.v6)); got != tt.want {
			t.Errorf("%s: %s, want %s", tt.in, got, tt.want)
		}
	}
}

func TestNoAllocs(t *testing.T) {
	h := ring(t, Config{Keys: []Key{{ID: "k1", Value: []byte(key1)}}}).NewHasher()
	buf := make([]byte, 0, 128)
	scope, value, ip := []byte("tenant"), []byte("ada@example.test"), []byte("203.0.113.57:443")
	if n := testing.AllocsPerRun(100, func() {
		buf, _ = h.AppendToken(buf[:0], scope, value)
		a, _ := ParseIP(ip)
		buf = AppendTruncated(buf, a, 24, 48)
	}); n > 0 {
		t.Errorf("%v allocations", n)
	}
}

func BenchmarkAppendToken(b *testing.B) {
	r, err := New(Config{Keys: []Key{{ID: "k1", Value: []byte(key1)}}})
	if err != nil {
		b.Fatal(err)
	}
	h := r.NewHasher()
	buf := make([]byte, 0, 128)
	value := []byte("ada.lovelace@example.test")
	b.ReportAllocs()
	for b.Loop() {
		buf, _ = h.AppendToken(buf[:0], nil, value)
	}
}
