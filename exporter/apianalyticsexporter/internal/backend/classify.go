// Copyright The apispan Authors
// SPDX-License-Identifier: Apache-2.0

package backend

import "net/http"

// ClassifyHTTP is what a status means unless a vendor's documentation says
// otherwise. The rule behind it: data is given up only for an answer about the
// data. An answer about us (credentials, payment, address, media type, proxy)
// or about the moment is kept and tried again.
func ClassifyHTTP(status int) Class {
	switch status {
	case http.StatusUnauthorized, http.StatusPaymentRequired, http.StatusForbidden, http.StatusNotFound,
		http.StatusProxyAuthRequired, http.StatusUnsupportedMediaType, http.StatusMisdirectedRequest,
		http.StatusUpgradeRequired:
		return Outage
	case http.StatusRequestTimeout, http.StatusTooEarly, http.StatusTooManyRequests:
		return Retry
	}
	switch status / 100 {
	case 2:
		return Delivered
	case 3: // redirects are never followed: the endpoint has moved
		return Outage
	case 4:
		return Reject
	}
	return Retry
}
