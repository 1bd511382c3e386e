package main

import (
	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/status"
)

var names = map[codes.Code]string{
	codes.Canceled:          "CANCELLED",
	codes.Unknown:           "UNKNOWN",
	codes.DeadlineExceeded:  "DEADLINE_EXCEEDED",
	codes.NotFound:          "NOT_FOUND",
	codes.PermissionDenied:  "PERMISSION_DENIED",
	codes.ResourceExhausted: "RESOURCE_EXHAUSTED",
	codes.Unimplemented:     "UNIMPLEMENTED",
	codes.Internal:          "INTERNAL",
	codes.Unavailable:       "UNAVAILABLE",
	codes.Unauthenticated:   "UNAUTHENTICATED",
}

// The code as the other library spells it.
func codeName(err error) string {
	if name, known := names[status.Code(err)]; known {
		return name
	}
	return status.Code(err).String()
}
