// The CUE evaluator as a WASI reactor: one request in, one response out, no state between calls.
//
// The host writes the request's bytes to the address that `request` returns, calls `handle`, and reads as many bytes
// as that returns from the address that `response` returns. Both are JSON.
package main

import (
	"runtime/debug"
	"unsafe"
)

// There is one thread: the collector stops the evaluation. A small heap would be collected at every request, so it may
// grow to a few times what is live before that.
const collectorPercent = 400

func init() {
	debug.SetGCPercent(collectorPercent)
}

var requestBytes []byte
var responseBytes []byte

//go:wasmexport request
func request(length int32) int32 {
	requestBytes = make([]byte, length)
	return int32(uintptr(unsafe.Pointer(unsafe.SliceData(requestBytes))))
}

//go:wasmexport handle
func handle() int32 {
	responseBytes = serve(requestBytes)
	requestBytes = nil
	return int32(len(responseBytes))
}

//go:wasmexport response
func response() int32 {
	return int32(uintptr(unsafe.Pointer(unsafe.SliceData(responseBytes))))
}

func main() {}
