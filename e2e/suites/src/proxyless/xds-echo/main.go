// A gRPC client and server that get everything by xDS, for the suite proxyless-grpc. Speaks the same as the programs
// in TypeScript beside it: JSON bytes as messages, orders as lines on standard input, reports as lines on standard output.
package main

import (
	"bufio"
	"context"
	"encoding/json"
	"fmt"
	"net"
	"os"
	"time"

	"google.golang.org/grpc"
	"google.golang.org/grpc/credentials/insecure"
	xdscreds "google.golang.org/grpc/credentials/xds"
	"google.golang.org/grpc/metadata"
	"google.golang.org/grpc/status"
	"google.golang.org/grpc/xds"
)

const method = "/echo.Echo/Call"

type answer struct {
	Name string `json:"name"`
}

type order struct {
	Target    string            `json:"target"`
	Count     int               `json:"count"`
	Headers   map[string]string `json:"headers"`
	TimeoutMs int               `json:"timeoutMs"`
}

type report struct {
	Answers map[string]int `json:"answers"`
	Errors  map[string]int `json:"errors"`
	Detail  string         `json:"detail"`
}

type jsonCodec struct{}

func (jsonCodec) Marshal(v any) ([]byte, error)      { return json.Marshal(v) }
func (jsonCodec) Unmarshal(data []byte, v any) error { return json.Unmarshal(data, v) }

func (jsonCodec) Name() string { return "json" }

func main() {
	if err := run(os.Args[1:]); err != nil {
		fmt.Fprintln(os.Stderr, err)
		os.Exit(1)
	}
}

func run(args []string) error {
	switch {
	case len(args) == 1 && args[0] == "client":
		return call()
	case len(args) == 3 && args[0] == "server":
		return serve(args[1], args[2])
	}
	return fmt.Errorf("usage: xds-echo client | server NAME ADDRESS:PORT")
}

func serve(name, address string) error {
	creds, err := xdscreds.NewServerCredentials(xdscreds.ServerOptions{FallbackCreds: insecure.NewCredentials()})
	if err != nil {
		return err
	}
	serving := func(address net.Addr, args xds.ServingModeChangeArgs) {
		if args.Err == nil {
			fmt.Printf("{\"serving\":%q}\n", address.String())
		} else {
			fmt.Fprintln(os.Stderr, "not serving:", args.Err)
		}
	}
	server, err := xds.NewGRPCServer(grpc.Creds(creds), grpc.ForceServerCodec(jsonCodec{}), xds.ServingModeCallback(serving))
	if err != nil {
		return err
	}
	handler := func(_ any, _ context.Context, decode func(any) error, _ grpc.UnaryServerInterceptor) (any, error) {
		var request map[string]any
		if err := decode(&request); err != nil {
			return nil, err
		}
		return answer{Name: name}, nil
	}
	server.RegisterService(&grpc.ServiceDesc{
		ServiceName: "echo.Echo",
		HandlerType: (*any)(nil),
		Methods:     []grpc.MethodDesc{{MethodName: "Call", Handler: intercepted(handler)}},
	}, struct{}{})
	listener, err := net.Listen("tcp", address)
	if err != nil {
		return err
	}
	return server.Serve(listener)
}

// The xDS server's filters, authorization among them, come as an interceptor.
func intercepted(handler func(any, context.Context, func(any) error, grpc.UnaryServerInterceptor) (any, error)) grpc.MethodHandler {
	return func(service any, ctx context.Context, decode func(any) error, interceptor grpc.UnaryServerInterceptor) (any, error) {
		if interceptor == nil {
			return handler(service, ctx, decode, nil)
		}
		next := func(ctx context.Context, _ any) (any, error) { return handler(service, ctx, decode, nil) }
		return interceptor(ctx, nil, &grpc.UnaryServerInfo{Server: service, FullMethod: method}, next)
	}
}

func call() error {
	creds, err := xdscreds.NewClientCredentials(xdscreds.ClientOptions{FallbackCreds: insecure.NewCredentials()})
	if err != nil {
		return err
	}
	channels := map[string]*grpc.ClientConn{}
	orders := bufio.NewScanner(os.Stdin)
	for orders.Scan() {
		var asked order
		if err := json.Unmarshal(orders.Bytes(), &asked); err != nil {
			return err
		}
		if channels[asked.Target] == nil {
			channel, err := grpc.NewClient("xds:///"+asked.Target, grpc.WithTransportCredentials(creds), grpc.WithDefaultCallOptions(grpc.ForceCodec(jsonCodec{})))
			if err != nil {
				return err
			}
			channels[asked.Target] = channel
		}
		line, err := json.Marshal(callAll(channels[asked.Target], asked))
		if err != nil {
			return err
		}
		fmt.Println(string(line))
	}
	return orders.Err()
}

func callAll(channel *grpc.ClientConn, asked order) report {
	timeout := 5 * time.Second
	if asked.TimeoutMs > 0 {
		timeout = time.Duration(asked.TimeoutMs) * time.Millisecond
	}
	result := report{Answers: map[string]int{}, Errors: map[string]int{}}
	for range asked.Count {
		ctx, cancel := context.WithTimeout(metadata.NewOutgoingContext(context.Background(), metadata.New(asked.Headers)), timeout)
		var got answer
		if err := channel.Invoke(ctx, method, map[string]any{}, &got); err != nil {
			result.Errors[codeName(err)]++
			result.Detail = status.Convert(err).Message()
		} else {
			result.Answers[got.Name]++
		}
		cancel()
	}
	return result
}
