// Copyright The apispan Authors
// SPDX-License-Identifier: Apache-2.0

package httpredactionprocessor

import (
	"maps"
	"slices"
	"strings"

	"github.com/apispan/apispan/internal/httpattr"
	"github.com/apispan/apispan/redact"
)

// aliases maps attribute keys of one vocabulary to the key of the semantic
// convention with the same meaning. A key that ends in "*" is a prefix and so is
// its target. An alias tells the engine what syntax a value has (header field,
// URL, body, address); the key rules of the policy still see the original key.
type aliases map[string]string

// vocabularies are the presets of apply_to: the vocabulary that all readers share, by
// whose it is. The README has the same table. The engine reads values under any of
// these keys like those of the current one, whatever apply_to says.
var vocabularies = func() map[string]aliases {
	all := map[string]aliases{}
	for _, e := range httpattr.Entries() {
		from, to := e.Key, e.As
		if strings.HasSuffix(from, ".") {
			from, to = from+"*", to+"*"
		}
		for _, name := range e.Vocabularies {
			if all[name] == nil {
				all[name] = aliases{}
			}
			all[name][from] = to
		}
	}
	return all
}()

// vocabularyNames returns the presets in order.
func vocabularyNames() []string {
	names := make([]string, 0, len(vocabularies))
	for n := range vocabularies {
		names = append(names, n)
	}
	slices.Sort(names)
	return names
}

// vocabulary resolves attribute keys. It is immutable.
type vocabulary struct {
	exact    map[string]string
	prefixes []prefixAlias
}

type prefixAlias struct{ from, to string }

// newVocabulary merges presets and own aliases; own ones win.
func newVocabulary(presets []string, own aliases) *vocabulary {
	v := &vocabulary{exact: map[string]string{}}
	merged := aliases{}
	for _, p := range presets {
		maps.Copy(merged, vocabularies[p])
	}
	maps.Copy(merged, own)
	for from, to := range merged {
		if prefix, ok := strings.CutSuffix(from, "*"); ok {
			v.prefixes = append(v.prefixes, prefixAlias{prefix, strings.TrimSuffix(to, "*")})
		} else {
			v.exact[from] = to
		}
	}
	// The longest prefix wins.
	slices.SortFunc(v.prefixes, func(a, b prefixAlias) int {
		if d := len(b.from) - len(a.from); d != 0 {
			return d
		}
		return strings.Compare(a.from, b.from)
	})
	return v
}

// canonical returns the key whose syntax the value has. The result ends in "*"
// if the value is a map of header fields.
func (v *vocabulary) canonical(key string) string {
	if to, ok := v.exact[key]; ok {
		return to
	}
	for _, p := range v.prefixes {
		if rest, ok := strings.CutPrefix(key, p.from); ok && rest != "" {
			return p.to + rest
		}
	}
	return key
}

// shared reports whether all readers know that key means canonical.
func (v *vocabulary) shared(key, canonical string) bool {
	if e := httpattr.Lookup(key); e != nil {
		return e.As == canonical
	}
	e, rest := httpattr.Below(key)
	return e != nil && e.As+rest == canonical
}

// fact is what an attribute tells about the exchange.
type fact uint8

const (
	factNone fact = iota
	factMethod
	factHost
	factRoute
	factPath
	factURL
	factRequestType
	factResponseType
	factRequestCut
	factResponseCut
	factStatus
	factTenant
)

// keyInfo is what is known about an attribute key. A walker keeps it.
type keyInfo struct {
	key string
	// canonical is the key of the semantic conventions with the same meaning, else
	// the key itself.
	canonical string
	// own and as are key and canonical as the engine has sorted them.
	own, as redact.Key
	// alias is set if the two differ by an alias of the configuration, which the engine
	// does not know.
	alias bool
	// each is set if the elements of an array are values of their own.
	each bool
	// content is set if the value is the content of a message.
	content bool
	// clean is set once the engine has found nothing in the key itself.
	clean bool
	// fields is set if the value is a map of header fields: the prefix of their keys.
	fields string
	fact   fact
	place  place
	// header is the folded name of a request header field, answered that of a
	// response header field.
	header   string
	answered string
	captured bool // strip_captured removes it
	stamp    bool // written by this processor only
	session  bool // a pseudonym, or how the credential was shown
	foreign  bool // in a shape that arrange changes

	// text and number are the last values under the key in which the engine found
	// nothing; they count only under the tag of the moment (see walker.tag).
	text               string
	number             int64
	textTag, numberTag uint64
}

// info classifies key.
func (v *vocabulary) info(key string) *keyInfo {
	c := v.canonical(key)
	ki := &keyInfo{key: key, canonical: c, place: placeAttribute}
	if prefix, ok := strings.CutSuffix(c, "*"); ok {
		ki.canonical, ki.fields = key, prefix
		c = prefix
	}
	ki.alias = ki.canonical != key && !v.shared(key, ki.canonical)
	ki.own, ki.as = redact.NewKey(key), redact.NewKey(ki.canonical)
	ki.foreign = foreign(key)
	ki.content = ki.own.Content() || ki.as.Content()
	ki.each = ki.own.EachElement() || ki.as.EachElement()
	switch {
	case strings.HasPrefix(c, httpattr.RequestHeaderPrefix):
		ki.place, ki.captured = placeHeader, true
		ki.header = foldedName(c[len(httpattr.RequestHeaderPrefix):])
		if ki.header == "content-type" {
			ki.fact = factRequestType
		}
	case strings.HasPrefix(c, httpattr.ResponseHeaderPrefix):
		ki.place, ki.captured = placeHeader, true
		ki.answered = foldedName(c[len(httpattr.ResponseHeaderPrefix):])
		if ki.answered == "content-type" {
			ki.fact = factResponseType
		}
	case strings.HasPrefix(c, httpattr.OwnPrefix):
		ki.ownKey(c)
	default:
		ki.standardKey(c)
	}
	return ki
}

func (ki *keyInfo) ownKey(key string) {
	if httpattr.IsRedactionStamp(key) {
		ki.stamp = true
		return
	}
	switch key {
	case httpattr.SessionKey, httpattr.SessionAuthType:
		ki.session = true
	case httpattr.RequestBodyTruncated, httpattr.RequestBodyIncomplete:
		ki.fact = factRequestCut
	case httpattr.ResponseBodyTruncated, httpattr.ResponseBodyIncomplete:
		ki.fact = factResponseCut
	case httpattr.CampaignReferrer:
		ki.place = placeURL
	case httpattr.CompanyID:
		ki.fact = factTenant
	}
	ki.captured = true
}

func (ki *keyInfo) standardKey(key string) {
	switch key {
	case httpattr.RequestBody, httpattr.ResponseBody:
		ki.place, ki.captured = placeBody, true
	case httpattr.URLFull:
		ki.place, ki.fact = placeURL, factURL
	case httpattr.URLPath:
		ki.place, ki.fact = placeURL, factPath
	case httpattr.URLQuery:
		ki.place = placeURL
	case httpattr.RequestMethod:
		ki.fact = factMethod
	case httpattr.ServerAddress:
		ki.fact = factHost
	case httpattr.Route:
		ki.fact = factRoute
	case httpattr.ResponseStatusCode, "http.status_code":
		ki.fact = factStatus
	case "company.id", "organization.id", "tenant.id":
		ki.fact = factTenant
	case httpattr.UserID, httpattr.UserName, httpattr.UserEmail, httpattr.UserFullName,
		httpattr.EndUserID, httpattr.SessionID:
		ki.captured = true
	}
}

// foldedName is a header name as it is written in HTTP/2.
func foldedName(name string) string {
	return strings.ReplaceAll(strings.ToLower(name), "_", "-")
}
