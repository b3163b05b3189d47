package embedded

import "testing"

func BenchmarkStart(b *testing.B) {
	for name, cfg := range map[string]Config{
		"zero":        {},
		"NoJetStream": {NoJetStream: true},
		"Listen":      {Listen: "127.0.0.1:0"},
		"Dir":         {Dir: b.TempDir()},
	} {
		b.Run(name, func(b *testing.B) {
			for b.Loop() {
				s, err := Start(cfg)
				if err != nil {
					b.Fatalf("Start() = %v, want a server", err)
				}
				if err := s.Shutdown(b.Context()); err != nil {
					b.Fatalf("Shutdown() = %v, want nil", err)
				}
			}
		})
	}
}
