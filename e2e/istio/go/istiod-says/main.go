// Prints what Istio's own control plane sends a proxy, for each of the meshes it is given.
package main

import (
	"context"
	"encoding/json"
	"fmt"
	"net"
	"os"
	"sort"
	"time"

	cluster "github.com/envoyproxy/go-control-plane/envoy/config/cluster/v3"
	core "github.com/envoyproxy/go-control-plane/envoy/config/core/v3"
	listener "github.com/envoyproxy/go-control-plane/envoy/config/listener/v3"
	hcm "github.com/envoyproxy/go-control-plane/envoy/extensions/filters/network/http_connection_manager/v3"
	discovery "github.com/envoyproxy/go-control-plane/envoy/service/discovery/v3"
	"google.golang.org/grpc"
	"google.golang.org/grpc/credentials/insecure"
	"google.golang.org/protobuf/encoding/protojson"
	"google.golang.org/protobuf/proto"
	"google.golang.org/protobuf/types/known/anypb"

	"istio.io/istio/pilot/pkg/config/kube/crd"
	"istio.io/istio/pilot/test/xds"
	clusterid "istio.io/istio/pkg/cluster"
	"istio.io/istio/pkg/config/mesh"
	"istio.io/istio/pkg/config/mesh/meshwatcher"
	"istio.io/istio/pkg/log"
	"istio.io/istio/pkg/test"
)

type scenario struct {
	Name, Kubernetes, Istio, Mesh, Networks string
	Clusters                                map[string]string
	Node                                    json.RawMessage
	// What a client asks for that knows the names of all it wants, as gRPC's does.
	Names map[string][]string
}

type answer struct {
	Name      string                       `json:"name"`
	Error     string                       `json:"error,omitempty"`
	Resources map[string][]json.RawMessage `json:"resources,omitempty"`
}

func main() {
	for _, scope := range log.Scopes() {
		scope.SetOutputLevel(log.NoneLevel)
	}
	var scenarios []scenario
	check(json.NewDecoder(os.Stdin).Decode(&scenarios))
	answers := []answer{}
	for _, s := range scenarios {
		a := answer{Name: s.Name}
		err := test.Wrap(func(t test.Failer) {
			r, err := ask(t, s)
			if err != nil {
				t.Fatal(err)
			}
			a.Resources = r
		})
		if err != nil {
			a.Error = err.Error()
		}
		answers = append(answers, a)
	}
	check(json.NewEncoder(os.Stdout).Encode(answers))
}

func ask(t test.Failer, s scenario) (map[string][]json.RawMessage, error) {
	configs, _, err := crd.ParseInputs(s.Istio)
	if err != nil {
		return nil, err
	}
	// As when read from Kubernetes: short host names are resolved by it.
	for i := range configs {
		configs[i].Domain = "cluster.local"
		if configs[i].Namespace == "" {
			configs[i].Namespace = "default"
		}
	}
	opts := xds.FakeOptions{KubernetesObjectString: s.Kubernetes, Configs: configs, DisableSecretAuthorization: true}
	if len(s.Clusters) > 0 {
		opts.KubernetesObjectString = ""
		opts.KubernetesObjectStringByCluster = map[clusterid.ID]string{"Kubernetes": s.Kubernetes}
		for k, v := range s.Clusters {
			opts.KubernetesObjectStringByCluster[clusterid.ID(k)] = v
		}
	}
	if s.Mesh != "" {
		m, err := mesh.ApplyMeshConfigDefaults(s.Mesh)
		if err != nil {
			return nil, err
		}
		opts.MeshConfig = m
	}
	if s.Networks != "" {
		n, err := mesh.ParseMeshNetworks(s.Networks)
		if err != nil {
			return nil, err
		}
		opts.NetworksWatcher = meshwatcher.NewFixedNetworksWatcher(n)
	}
	f := xds.NewFakeDiscoveryServer(t, opts)
	conn, err := grpc.NewClient("passthrough:///bufnet", grpc.WithTransportCredentials(insecure.NewCredentials()),
		grpc.WithContextDialer(func(context.Context, string) (net.Conn, error) { return f.BufListener.Dial() }),
		grpc.WithDefaultCallOptions(grpc.MaxCallRecvMsgSize(1<<28)))
	if err != nil {
		return nil, err
	}
	defer conn.Close()
	ctx, cancel := context.WithTimeout(context.Background(), 30*time.Second)
	defer cancel()
	stream, err := discovery.NewAggregatedDiscoveryServiceClient(conn).StreamAggregatedResources(ctx)
	if err != nil {
		return nil, err
	}
	node := &core.Node{}
	if err := protojson.Unmarshal(s.Node, node); err != nil {
		return nil, err
	}
	got := map[string][]*anypb.Any{}
	request := func(kind, url string, names []string) error {
		if err := stream.Send(&discovery.DiscoveryRequest{TypeUrl: url, Node: node, ResourceNames: names}); err != nil {
			return err
		}
		for {
			r, err := stream.Recv()
			if err != nil {
				return fmt.Errorf("%s: %w", kind, err)
			}
			if r.TypeUrl != url {
				continue
			}
			got[kind] = r.Resources
			return stream.Send(&discovery.DiscoveryRequest{TypeUrl: url, ResourceNames: names, ResponseNonce: r.Nonce, VersionInfo: r.VersionInfo})
		}
	}
	const prefix = "type.googleapis.com/envoy.config."
	if len(s.Names) > 0 {
		for _, t := range [][2]string{
			{"lds", "listener.v3.Listener"},
			{"rds", "route.v3.RouteConfiguration"},
			{"cds", "cluster.v3.Cluster"},
			{"eds", "endpoint.v3.ClusterLoadAssignment"},
		} {
			if err := request(t[0], prefix+t[1], s.Names[t[0]]); err != nil {
				return nil, err
			}
		}
		return written(got)
	}
	if err := request("cds", prefix+"cluster.v3.Cluster", nil); err != nil {
		return nil, err
	}
	eds := map[string]bool{}
	for _, r := range got["cds"] {
		c := &cluster.Cluster{}
		if r.UnmarshalTo(c) == nil && c.GetType() == cluster.Cluster_EDS {
			n := c.GetEdsClusterConfig().GetServiceName()
			if n == "" {
				n = c.Name
			}
			eds[n] = true
		}
	}
	if len(eds) > 0 {
		if err := request("eds", prefix+"endpoint.v3.ClusterLoadAssignment", keys(eds)); err != nil {
			return nil, err
		}
	}
	if err := request("lds", prefix+"listener.v3.Listener", nil); err != nil {
		return nil, err
	}
	rds, ecds := map[string]bool{}, map[string]bool{}
	for _, r := range got["lds"] {
		l := &listener.Listener{}
		if r.UnmarshalTo(l) != nil {
			continue
		}
		chains := l.FilterChains
		if l.DefaultFilterChain != nil {
			chains = append(chains, l.DefaultFilterChain)
		}
		for _, chain := range chains {
			for _, filter := range chain.Filters {
				if filter.GetConfigDiscovery() != nil {
					ecds[filter.Name] = true
				}
				h := &hcm.HttpConnectionManager{}
				if filter.GetTypedConfig() == nil || filter.GetTypedConfig().UnmarshalTo(h) != nil {
					continue
				}
				if n := h.GetRds().GetRouteConfigName(); n != "" {
					rds[n] = true
				}
				for _, hf := range h.HttpFilters {
					if hf.GetConfigDiscovery() != nil {
						ecds[hf.Name] = true
					}
				}
			}
		}
	}
	if len(rds) > 0 {
		if err := request("rds", prefix+"route.v3.RouteConfiguration", keys(rds)); err != nil {
			return nil, err
		}
	}
	if len(ecds) > 0 {
		if err := request("ecds", prefix+"core.v3.TypedExtensionConfig", keys(ecds)); err != nil {
			return nil, err
		}
	}
	return written(got)
}

func written(got map[string][]*anypb.Any) (map[string][]json.RawMessage, error) {
	out := map[string][]json.RawMessage{}
	for kind, resources := range got {
		for _, r := range resources {
			m, err := r.UnmarshalNew()
			if err != nil {
				return nil, err
			}
			b, err := protojson.MarshalOptions{UseProtoNames: true}.Marshal(m.(proto.Message))
			if err != nil {
				return nil, err
			}
			out[kind] = append(out[kind], b)
		}
	}
	return out, nil
}

func keys(m map[string]bool) []string {
	out := []string{}
	for k := range m {
		out = append(out, k)
	}
	sort.Strings(out)
	return out
}

func check(err error) {
	if err != nil {
		panic(err)
	}
}
