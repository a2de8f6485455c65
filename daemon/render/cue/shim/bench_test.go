package main

import (
	"encoding/json"
	"os"
	"testing"
)

func benchReq(b *testing.B) []byte {
	raw, _ := os.ReadFile("/tmp/cuework/ws.json")
	return raw
}
func BenchmarkWS(b *testing.B) {
	in := benchReq(b)
	b.ReportAllocs()
	b.ResetTimer()
	for i := 0; i < b.N; i++ {
		serve(in)
	}
}
func BenchmarkSmall(b *testing.B) {
	in, _ := json.Marshal(map[string]any{"op": "component", "dialect": "1.10", "component": map[string]any{"name": "a", "type": "t", "template": "output: {apiVersion: \"v1\", kind: \"ConfigMap\", data: x: parameter.x}\nparameter: x: string"}, "parameter": map[string]any{"x": "1"}, "context": map[string]any{"name": "a"}, "traits": []any{}})
	b.ReportAllocs()
	b.ResetTimer()
	for i := 0; i < b.N; i++ {
		serve(in)
	}
}
