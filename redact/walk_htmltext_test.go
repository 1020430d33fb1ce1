// Copyright The apispan Authors
// SPDX-License-Identifier: Apache-2.0

package redact

import (
	"strings"
	"testing"
)

// TestSaidAcross: what a mail tells stands in an element of its own, whatever the tags
// are; a number beside other words stays.
func TestSaidAcross(t *testing.T) {
	t.Parallel()
	p := compile(t, "version: 1")
	for _, tags := range [][2]string{
		{"<p>", "</p>"}, {"<b>", "</b>"}, {`<strong style="font-size:20px">`, "</strong>"}, {"</p>\n<h1>\n", "\n</h1>"}, {"<td><div><span>", "</span></div></td>"}, {"<br>", "<br>"},
	} {
		for in, hide := range map[string]bool{
			"<html><p>Hello Ada</p><p>Your verification code is " + tags[0] + "73@104" + tags[1] + "</p></html>":     true,
			"<html><p>Verification code: " + tags[0] + "73&#64;104" + tags[1] + "</html>":                            false, // no code at all
			"<html><p>Votre code est " + tags[0] + "73@104" + tags[1] + "<p>Au revoir</html>":                        true,
			"<html><p>Ada,</p>" + tags[0] + "73@104" + tags[1] + " is your login code</html>":                        true,
			"<html><table><tr><td>Order code</td><td>" + tags[0] + "73@104" + tags[1] + "</td></tr></table></html>":  false,
			"<html><p>Items of your order:</p>" + tags[0] + "73@104" + tags[1] + "</html>":                           false,
			"<html><p>Your new password is " + tags[0] + "maple-73@104-ridge" + tags[1] + "<p>Change it.</p></html>": true,
		} {
			doc := strings.ReplaceAll(in, "73@104", "739104")
			if out := bodyOf(p, "text/html", doc); strings.Contains(out, "739104") == hide && strings.Contains(doc, "739104") || !hide && out != doc {
				t.Errorf("%s\n becomes %s", doc, out)
			}
		}
	}
}

// TestURLPathsInText: the path of a URL in a text is read as that of a URL that stands
// alone, wherever the sentence ends it.
func TestURLPathsInText(t *testing.T) {
	t.Parallel()
	p := compile(t, "version: 1")
	for _, c := range []struct {
		in   string
		hide bool
	}{
		{"Open https://h.test/password/reset/S3CR3Tk29x to go on.", true},
		{"Open https://h.test/password/reset/S3CR3Tk29x.", true},
		{"See https://a.test/x, (https://h.test/login/token/S3CR3Tk29x), or call", true},
		{"[reset](https://h.test/reset/token/S3CR3Tk29x)", true},
		{"https://a.test/https://h.test/token/S3CR3Tk29x end", true},
		{"docs at https://h.test/password/reset/how-to-choose and more", false},
		{"see https://h.test/secrets/S3CR3T-1 for it", false},
		{"ask at https://h.test/p/S3CR3Tk29x please", false},
	} {
		for _, contentType := range []string{"text/plain", "application/json"} {
			in := c.in
			if contentType == "application/json" {
				in = `{"text":` + jsonText(in) + `}`
			}
			if out := bodyOf(p, contentType, in); c.hide && strings.Contains(out, "S3CR3T") || !c.hide && out != in {
				t.Errorf("%s\n becomes %s", in, out)
			}
		}
	}
}
