// Copyright The apispan Authors
// SPDX-License-Identifier: Apache-2.0

package redact

// Answers of databases name their columns once: {"columns": ["user", "password"],
// "rows": [["ada", "S"]]}, {"schema": {"fields": [{"name": "token"}]}, "data": [["S"]]}.
// An element of a row goes by the name of its column, as one of a list of parameters does.

// maxColumnsText bounds what is read of a list of columns.
const maxColumnsText = 8 << 10

// tableColumns reads the list of columns that begins at i; it holds for the rows behind it,
// up to the next one.
func (s *Scratch) tableColumns(src []byte, i int, c ctx) {
	if s.nestLeft == 0 {
		return
	}
	end := min(len(src), i+maxColumnsText)
	src = src[:end]
	known, denied := s.yes(docTable), false
	var columns [maxTableColumns]verdict
	n := 0
	c = ctx{place: c.place, nest: c.nest}
	from := i
	for i++; i < end && n < len(columns); n++ {
		if i = skipSpace(src, i); i < end && src[i] == ',' {
			i = skipSpace(src, i+1)
		}
		if i >= end || src[i] != '"' && src[i] != '{' {
			break
		}
		name, stop := jsonColumn(src, i)
		if stop <= i {
			break
		}
		if len(name) > 0 && len(name) <= maxLongKey {
			columns[n] = s.nameVerdict(c, name)
			denied = denied || columns[n].strong()
		}
		i = stop
	}
	if s.nestLeft -= i - from; s.nestLeft < 0 || !denied && !known {
		s.nestLeft = max(s.nestLeft, 0)
		return
	}
	s.docParams = append(s.docParams[:0], columns[:n]...)
	s.docs |= 3<<docTable | 1<<docParameters
	s.docs &^= 2 << docParameters
	if denied {
		s.docs |= 2 << docParameters
	}
}

// startsContainer reports whether the first element at i is an array or an object.
func startsContainer(src []byte, i int) bool {
	i = skipSpace(src, i)
	return i < len(src) && (src[i] == '[' || src[i] == '{')
}

// jsonColumn is the column that a string or an object at i says, and where that ends; 0 if
// it is none.
func jsonColumn(src []byte, i int) (name []byte, end int) {
	if src[i] == '"' {
		end, _ = stringEnd(src, i+1)
		if end < 0 {
			return nil, 0
		}
		return src[i+1 : end], end + 1
	}
	for i++; ; {
		if i = skipSpace(src, i); i < len(src) && src[i] == ',' {
			i = skipSpace(src, i+1)
		}
		if i < len(src) && src[i] == '}' {
			return name, i + 1
		}
		if i >= len(src) || src[i] != '"' {
			return nil, 0
		}
		k, _ := stringEnd(src, i+1)
		if k < 0 {
			return nil, 0
		}
		key := src[i+1 : k]
		if string(key) == "value" { // a pair
			return nil, 0
		}
		if i = skipSpace(src, k+1); i >= len(src) || src[i] != ':' {
			return nil, 0
		}
		switch i = skipSpace(src, i+1); {
		case i >= len(src):
			return nil, 0
		case src[i] == '"':
			if k, _ = stringEnd(src, i+1); k < 0 {
				return nil, 0
			}
			if name == nil && columnNames[string(key)] {
				name = src[i+1 : k]
			}
			i = k + 1
		case src[i] == '{' || src[i] == '[':
			var ok bool
			if i, ok = skipJSON(src, i); !ok {
				return nil, 0
			}
		default:
			for i < len(src) && src[i] != ',' && src[i] != '}' {
				i++
			}
		}
	}
}

// columnNames are members of an object that have the name of a column.
var columnNames = wordSet("name", "field", "column", "columnName", "column_name", "COLUMN_NAME", "Name", "key", "fieldName", "label")
