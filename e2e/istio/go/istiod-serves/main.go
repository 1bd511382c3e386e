// Serves a mesh to proxies with the discovery server of Istio's own control plane, over plaintext gRPC, as istiod does by
// default: the mesh comes as one line of JSON on standard input, then each line is an object that has changed.
package main

import (
	"bufio"
	"encoding/json"
	"fmt"
	"net"
	"os"

	"istio.io/istio/pilot/pkg/config/kube/crd"
	"istio.io/istio/pilot/pkg/features"
	"istio.io/istio/pilot/test/xds"
	"istio.io/istio/pkg/config"
	"istio.io/istio/pkg/log"
	"istio.io/istio/pkg/test"
)

type mesh struct {
	Kubernetes, Istio string
}

func main() {
	for _, scope := range log.Scopes() {
		scope.SetOutputLevel(log.NoneLevel)
	}
	lines := bufio.NewScanner(os.Stdin)
	lines.Buffer(nil, 1<<28)
	if err := test.Wrap(func(t test.Failer) { serve(t, lines) }); err != nil {
		fmt.Fprintln(os.Stderr, err)
		os.Exit(1)
	}
}

func serve(t test.Failer, lines *bufio.Scanner) {
	if !lines.Scan() {
		t.Fatal("no mesh on standard input")
	}
	var m mesh
	if err := json.Unmarshal(lines.Bytes(), &m); err != nil {
		t.Fatal(err)
	}
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	server := xds.NewFakeDiscoveryServer(t, xds.FakeOptions{
		KubernetesObjectString: m.Kubernetes,
		Configs:                configsOf(t, m.Istio),
		DebounceTime:           features.DebounceAfter,
		ListenerBuilder:        func() (net.Listener, error) { return listener, nil },
	})
	fmt.Println(listener.Addr())
	for lines.Scan() {
		for _, changed := range configsOf(t, lines.Text()) {
			if _, err := server.Store().Update(changed); err != nil {
				t.Fatal(err)
			}
		}
	}
}

// As when read from Kubernetes: short host names are resolved by the cluster's domain.
func configsOf(t test.Failer, text string) []config.Config {
	configs, _, err := crd.ParseInputs(text)
	if err != nil {
		t.Fatal(err)
	}
	for i := range configs {
		configs[i].Domain = "cluster.local"
	}
	return configs
}
