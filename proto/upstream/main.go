// Command upstream writes one FileDescriptorSet with every message type Lateen takes from others:
// Envoy's API, Istio's API, OTLP's collector and gRPC health. imports.go (made by make.sh) links them in.
package main

import (
	"log"
	"os"
	"sort"

	"google.golang.org/protobuf/proto"
	"google.golang.org/protobuf/reflect/protodesc"
	"google.golang.org/protobuf/reflect/protoreflect"
	"google.golang.org/protobuf/reflect/protoregistry"
	"google.golang.org/protobuf/types/descriptorpb"
)

func main() {
	var files []protoreflect.FileDescriptor
	protoregistry.GlobalFiles.RangeFiles(func(file protoreflect.FileDescriptor) bool {
		files = append(files, file)
		return true
	})
	sort.Slice(files, func(i, j int) bool { return files[i].Path() < files[j].Path() })

	set := &descriptorpb.FileDescriptorSet{}
	written := map[string]bool{}
	var write func(file protoreflect.FileDescriptor)
	write = func(file protoreflect.FileDescriptor) {
		if written[file.Path()] {
			return
		}
		written[file.Path()] = true
		for i := 0; i < file.Imports().Len(); i++ { // imports first, as protoc wants them
			write(file.Imports().Get(i).FileDescriptor)
		}
		set.File = append(set.File, protodesc.ToFileDescriptorProto(file))
	}
	for _, file := range files {
		write(file)
	}
	bytes, err := proto.MarshalOptions{Deterministic: true}.Marshal(set)
	if err != nil {
		log.Fatal(err)
	}
	if err := os.WriteFile(os.Args[1], bytes, 0o644); err != nil {
		log.Fatal(err)
	}
	log.Printf("%d files, %d bytes", len(set.File), len(bytes))
}
