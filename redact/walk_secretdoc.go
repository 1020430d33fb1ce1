// Copyright The apispan Authors
// SPDX-License-Identifier: Apache-2.0

package redact

import "bytes"

// secretDocument reports whether a YAML document is a Secret of Kubernetes.
func secretDocument(doc []byte) bool {
	i := bytes.Index(doc, str(secretKind))
	return i >= 0 && namesSecret(doc[i+len(secretKind):])
}

const secretKind = "kind: Secret"

// namesSecret reports whether the kind ends where rest begins, or is a list of it.
func namesSecret(rest []byte) bool {
	return len(rest) == 0 || rest[0] == '\n' || rest[0] == '\r' || rest[0] == ' ' || bytes.HasPrefix(rest, str("List"))
}

// secretFrom is secretDocument for the document at pos, which may only grow: the kind
// is looked for once in a text of many documents.
func (o *outline) secretFrom(pos int) bool {
	if o.kindAt < pos {
		o.kindAt = len(o.src)
		if i := bytes.Index(o.src[pos:], str(secretKind)); i >= 0 {
			o.kindAt = pos + i
		}
	}
	if o.kindAt == len(o.src) {
		return false
	}
	doc := firstDocument(o.src[pos:])
	i := o.kindAt - pos + len(secretKind)
	return i <= len(doc) && namesSecret(doc[i:])
}
