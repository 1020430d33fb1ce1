// Copyright The apispan Authors
// SPDX-License-Identifier: Apache-2.0

// Command kafkabroker is a Kafka broker on loopback for tests. It speaks the real
// protocol to real clients, writes each record to disk before it acknowledges it, and
// has its data again after it was killed.
package main

import (
	"context"
	"flag"
	"fmt"
	"net"
	"os"
	"os/signal"
	"syscall"
	"time"

	"github.com/twmb/franz-go/pkg/kfake"
	"github.com/twmb/franz-go/pkg/kgo"
)

func main() {
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	defer stop()
	if err := run(ctx); err != nil {
		fmt.Fprintln(os.Stderr, "kafkabroker:", err)
		os.Exit(1)
	}
}

func run(ctx context.Context) error {
	listen := flag.String("listen", "127.0.0.1:9092", "loopback `address`")
	data := flag.String("data", "", "`directory` of the data; empty: in memory")
	topic := flag.String("topic", "apispan.exchanges", "topic that exists from the start")
	partitions := flag.Int("partitions", 6, "its partitions")
	junk := flag.Duration("junk", 0, "every how often a record that is no OTLP goes into each partition; 0: never")
	flag.Parse()
	addr, err := net.ResolveTCPAddr("tcp", *listen)
	if err != nil || !addr.IP.IsLoopback() {
		return fmt.Errorf("-listen is no loopback address")
	}
	opts := []kfake.Opt{
		kfake.NumBrokers(1),
		kfake.Ports(addr.Port),
		kfake.SeedTopics(int32(*partitions), *topic), //nolint:gosec // a small number
		kfake.SyncWrites(),
		// A span with bodies is large.
		kfake.BrokerConfigs(map[string]string{"message.max.bytes": "16777216"}),
	}
	if *data != "" {
		if err := os.MkdirAll(*data, 0o700); err != nil {
			return err
		}
		opts = append(opts, kfake.DataDir(*data))
	}
	cluster, err := kfake.NewCluster(opts...)
	if err != nil {
		return err
	}
	defer cluster.Close()
	fmt.Println("listening on", cluster.ListenAddrs()[0])
	if *junk > 0 {
		return produceJunk(ctx, cluster.ListenAddrs(), *topic, *partitions, *junk)
	}
	<-ctx.Done()
	return nil
}

// produceJunk writes what no reader of the topic can read, until ctx ends.
func produceJunk(ctx context.Context, addrs []string, topic string, partitions int, every time.Duration) error {
	client, err := kgo.NewClient(kgo.SeedBrokers(addrs...), kgo.RecordPartitioner(kgo.ManualPartitioner()))
	if err != nil {
		return err
	}
	defer client.Close()
	ticker := time.NewTicker(every)
	defer ticker.Stop()
	for {
		select {
		case <-ctx.Done():
			return nil
		case <-ticker.C:
		}
		for p := range partitions {
			record := &kgo.Record{Topic: topic, Partition: int32(p), Value: []byte("\xff\x00 no OTLP {")} //nolint:gosec // a small number
			if err := client.ProduceSync(ctx, record).FirstErr(); err != nil && ctx.Err() == nil {
				return err
			}
		}
	}
}
