// Copyright The apispan Authors
// SPDX-License-Identifier: Apache-2.0

package urlsplit

import "bytes"

// URL holds the offsets of the parts of src. Absent parts are empty; an absent
// user information has User < 0.
type URL struct {
	// Scheme is src[:SchemeEnd], without ":".
	SchemeEnd int
	// User is the start of the user information, Pass of the password behind its
	// ":" (UserEnd if there is none), UserEnd the offset of "@" or the
	// end, if the URL seems to be cut.
	User, Pass, UserEnd int
	Host, HostEnd       int
	Path, PathEnd       int
	// Query and Frag start behind "?" and "#".
	Query, QueryEnd int
	Frag, FragEnd   int
}

// Split splits src.
func Split(src []byte) (u URL) {
	u.User = -1
	end := len(src)
	u.Frag, u.FragEnd = end, end
	if i := bytes.IndexByte(src, '#'); i >= 0 {
		u.Frag, end = i+1, i
	}
	u.Query, u.QueryEnd = end, end
	if i := bytes.IndexByte(src[:end], '?'); i >= 0 {
		u.Query, end = i+1, i
	}
	pos := 0
	if n := SchemeLen(src[:end]); n > 0 {
		u.SchemeEnd = n
		pos = n + 1
	}
	if pos+1 < end && slash(src[pos]) && slash(src[pos+1]) {
		pos += 2
		for pos < end && slash(src[pos]) && u.SchemeEnd > 0 && !fileScheme(src[:u.SchemeEnd]) {
			pos++ // browsers skip any number of them
		}
		pos = u.authority(src, pos, end)
	} else if u.SchemeEnd > 0 && pos < end && !slash(src[pos]) {
		// "https:user:pass@host" and "mailto:a@b": there may be user information.
		if i := bytes.LastIndexByte(src[pos:end], '@'); i > 0 && special(src[:u.SchemeEnd]) {
			pos = u.authority(src, pos, end)
		}
	}
	u.Path, u.PathEnd = pos, end
	return u
}

func fileScheme(b []byte) bool { return bytes.EqualFold(b, []byte("file")) }

func special(b []byte) bool {
	for _, s := range [...]string{"http", "https", "ws", "wss", "ftp"} {
		if bytes.EqualFold(b, []byte(s)) {
			return true
		}
	}
	return false
}

func slash(c byte) bool { return c == '/' || c == '\\' }

// authority reads user information, host and port, and returns where the path
// starts.
func (u *URL) authority(src []byte, pos, end int) int {
	stop := pos
	for stop < end && !slash(src[stop]) {
		stop++
	}
	at := bytes.LastIndexByte(src[pos:stop], '@')
	if at < 0 && !hostPort(src[pos:stop]) {
		// "ada:pass/word@host": a slash in the password.
		if i := bytes.LastIndexByte(src[pos:end], '@'); i >= 0 {
			at = i
			for stop = pos + i; stop < end && !slash(src[stop]); stop++ {
			}
		} else {
			// "ada:pass", cut before its "@".
			u.User, u.Pass, u.UserEnd = pos, end, end
			if i := bytes.IndexByte(src[pos:end], ':'); i >= 0 {
				u.Pass = pos + i + 1
			}
			u.Host, u.HostEnd = end, end
			return end
		}
	}
	if at >= 0 {
		u.User, u.UserEnd = pos, pos+at
		u.Pass = u.UserEnd
		if i := bytes.IndexByte(src[pos:u.UserEnd], ':'); i >= 0 {
			u.Pass = pos + i + 1
		}
		pos = u.UserEnd + 1
	}
	u.Host, u.HostEnd = pos, stop
	return stop
}

// hostPort reports whether b is a host with an optional numeric port.
func hostPort(b []byte) bool {
	if len(b) > 0 && b[0] == '[' {
		i := bytes.IndexByte(b, ']')
		if i < 0 {
			return false
		}
		b = b[i:]
	}
	i := bytes.IndexByte(b, ':')
	if i < 0 {
		return true
	}
	for _, c := range b[i+1:] {
		if c < '0' || c > '9' {
			return false
		}
	}
	return true
}

// SchemeLen returns the length of the scheme that b starts with, 0 if none.
func SchemeLen(b []byte) int {
	for i, c := range b {
		switch {
		case 'a' <= c|32 && c|32 <= 'z':
		case i > 0 && ('0' <= c && c <= '9' || c == '+' || c == '-' || c == '.'):
		case c == ':' && i > 0:
			return i
		default:
			return 0
		}
		if i > 31 {
			return 0
		}
	}
	return 0
}

// Absolute reports whether b starts with a scheme and an authority, with slashes
// or backslashes, or with "//".
func Absolute(b []byte) bool {
	n := SchemeLen(b[:min(len(b), 34)])
	if n > 0 {
		n++
	}
	return len(b) > n+2 && slash(b[n]) && slash(b[n+1])
}
