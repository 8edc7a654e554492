// Serves one snapshot of go-control-plane's cache over ADS, in both dialects, and changes it on request.
//
// It listens on free loopback ports and prints them as the first line: "xds <port> control <port>".
// POST /snapshot on the control port replaces the snapshot: the body is JSON
// like {"version": "2", "node": "n", "listener": 8080, "cluster": "c", "upstream": 8081, "rewrite": "/"}.
package main

import (
	"context"
	"encoding/json"
	"fmt"
	"io"
	"log"
	"net"
	"net/http"
	"os"
	"sync"
	"time"

	cluster "github.com/envoyproxy/go-control-plane/envoy/config/cluster/v3"
	core "github.com/envoyproxy/go-control-plane/envoy/config/core/v3"
	endpoint "github.com/envoyproxy/go-control-plane/envoy/config/endpoint/v3"
	listener "github.com/envoyproxy/go-control-plane/envoy/config/listener/v3"
	route "github.com/envoyproxy/go-control-plane/envoy/config/route/v3"
	router "github.com/envoyproxy/go-control-plane/envoy/extensions/filters/http/router/v3"
	hcm "github.com/envoyproxy/go-control-plane/envoy/extensions/filters/network/http_connection_manager/v3"
	discovery "github.com/envoyproxy/go-control-plane/envoy/service/discovery/v3"
	"github.com/envoyproxy/go-control-plane/pkg/cache/types"
	"github.com/envoyproxy/go-control-plane/pkg/cache/v3"
	"github.com/envoyproxy/go-control-plane/pkg/resource/v3"
	"github.com/envoyproxy/go-control-plane/pkg/server/v3"
	"google.golang.org/grpc"
	"google.golang.org/protobuf/proto"
	"google.golang.org/protobuf/types/known/anypb"
	"google.golang.org/protobuf/types/known/durationpb"
)

// state is what the snapshot is made of.
type state struct {
	Version  string `json:"version"`
	Node     string `json:"node"`
	Listener uint32 `json:"listener"`
	Cluster  string `json:"cluster"`
	Upstream uint32 `json:"upstream"`
	Rewrite  string `json:"rewrite"`
	Bad      bool   `json:"bad"`
}

func main() {
	snapshots := cache.NewSnapshotCache(true, cache.IDHash{}, nil)
	recorder := &recorder{}
	ads := server.NewServer(context.Background(), snapshots, recorder.callbacks())

	xds := listen()
	grpcServer := grpc.NewServer()
	discovery.RegisterAggregatedDiscoveryServiceServer(grpcServer, ads)
	go func() { log.Fatal(grpcServer.Serve(xds)) }()

	control := listen()
	http.HandleFunc("POST /snapshot", func(w http.ResponseWriter, r *http.Request) {
		var want state
		if err := json.NewDecoder(r.Body).Decode(&want); err != nil {
			http.Error(w, err.Error(), http.StatusBadRequest)
			return
		}
		snapshot, err := want.snapshot()
		if err == nil {
			err = snapshots.SetSnapshot(r.Context(), want.Node, snapshot)
		}
		if err != nil {
			http.Error(w, err.Error(), http.StatusInternalServerError)
		}
	})
	http.HandleFunc("GET /log", func(w http.ResponseWriter, _ *http.Request) {
		io.WriteString(w, recorder.text())
	})
	go func() { log.Fatal(http.Serve(control, nil)) }()

	fmt.Printf("xds %d control %d\n", port(xds), port(control))
	// Lives as long as whoever started it keeps its standard input open.
	io.Copy(io.Discard, os.Stdin)
}

func listen() net.Listener {
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		log.Fatal(err)
	}
	return l
}

func port(l net.Listener) int { return l.Addr().(*net.TCPAddr).Port }

func (s state) snapshot() (*cache.Snapshot, error) {
	ads := &core.ConfigSource{
		ResourceApiVersion:    core.ApiVersion_V3,
		ConfigSourceSpecifier: &core.ConfigSource_Ads{Ads: &core.AggregatedConfigSource{}},
	}
	endpoints := &endpoint.ClusterLoadAssignment{
		ClusterName: s.Cluster,
		Endpoints: []*endpoint.LocalityLbEndpoints{{
			LbEndpoints: []*endpoint.LbEndpoint{{
				HostIdentifier: &endpoint.LbEndpoint_Endpoint{Endpoint: &endpoint.Endpoint{Address: address(s.Upstream)}},
			}},
		}},
	}
	up := &cluster.Cluster{
		Name:                 s.Cluster,
		ConnectTimeout:       durationpb.New(time.Second),
		ClusterDiscoveryType: &cluster.Cluster_Type{Type: cluster.Cluster_EDS},
		EdsClusterConfig:     &cluster.Cluster_EdsClusterConfig{EdsConfig: ads},
	}
	routes := &route.RouteConfiguration{
		Name: "routes",
		VirtualHosts: []*route.VirtualHost{{
			Name:    "all",
			Domains: []string{"*"},
			Routes: []*route.Route{{
				Match: &route.RouteMatch{PathSpecifier: &route.RouteMatch_Prefix{Prefix: "/"}},
				Action: &route.Route_Route{Route: &route.RouteAction{
					ClusterSpecifier: &route.RouteAction_Cluster{Cluster: s.Cluster},
					PrefixRewrite:    s.Rewrite,
				}},
			}},
		}},
	}
	routerType := mustAny(&router.Router{})
	if s.Bad {
		routerType.TypeUrl = "type.googleapis.com/nobody.knows.This"
	}
	manager := mustAny(&hcm.HttpConnectionManager{
		StatPrefix: "front",
		RouteSpecifier: &hcm.HttpConnectionManager_Rds{
			Rds: &hcm.Rds{RouteConfigName: "routes", ConfigSource: ads},
		},
		HttpFilters: []*hcm.HttpFilter{{
			Name:       "router",
			ConfigType: &hcm.HttpFilter_TypedConfig{TypedConfig: routerType},
		}},
	})
	front := &listener.Listener{
		Name:    "front",
		Address: address(s.Listener),
		FilterChains: []*listener.FilterChain{{
			Filters: []*listener.Filter{{
				Name:       "hcm",
				ConfigType: &listener.Filter_TypedConfig{TypedConfig: manager},
			}},
		}},
	}
	return cache.NewSnapshot(s.Version, map[resource.Type][]types.Resource{
		resource.ClusterType:  {up},
		resource.EndpointType: {endpoints},
		resource.ListenerType: {front},
		resource.RouteType:    {routes},
	})
}

func address(port uint32) *core.Address {
	return &core.Address{Address: &core.Address_SocketAddress{SocketAddress: &core.SocketAddress{
		Address:       "127.0.0.1",
		PortSpecifier: &core.SocketAddress_PortValue{PortValue: port},
	}}}
}

func mustAny(m proto.Message) *anypb.Any {
	packed, err := anypb.New(m)
	if err != nil {
		log.Fatal(err)
	}
	return packed
}

// recorder keeps a line for each acknowledgement and refusal.
type recorder struct {
	mu    sync.Mutex
	lines string
}

func (r *recorder) add(dialect, typeURL, nonce, failure string) {
	if nonce == "" {
		return
	}
	r.mu.Lock()
	defer r.mu.Unlock()
	answer := "ack"
	if failure != "" {
		answer = "nack " + failure
	}
	r.lines += fmt.Sprintf("%s %s %s\n", dialect, typeURL, answer)
}

func (r *recorder) text() string {
	r.mu.Lock()
	defer r.mu.Unlock()
	return r.lines
}

func (r *recorder) callbacks() server.Callbacks {
	return server.CallbackFuncs{
		StreamRequestFunc: func(_ int64, request *discovery.DiscoveryRequest) error {
			r.add("sotw", request.GetTypeUrl(), request.GetResponseNonce(), request.GetErrorDetail().GetMessage())
			return nil
		},
		StreamDeltaRequestFunc: func(_ int64, request *discovery.DeltaDiscoveryRequest) error {
			r.add("delta", request.GetTypeUrl(), request.GetResponseNonce(), request.GetErrorDetail().GetMessage())
			return nil
		},
	}
}
