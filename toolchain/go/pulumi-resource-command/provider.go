package main

import (
	"context"
	"fmt"
	"sync"
	"sync/atomic"
	"time"

	"github.com/blang/semver"
	"github.com/pulumi/pulumi/sdk/v3/go/common/resource"
	"github.com/pulumi/pulumi/sdk/v3/go/common/resource/plugin"
	"github.com/pulumi/pulumi/sdk/v3/go/common/tokens"
	"github.com/pulumi/pulumi/sdk/v3/go/common/util/rpcutil"
	pulumirpc "github.com/pulumi/pulumi/sdk/v3/proto/go"
	"google.golang.org/grpc"
	"google.golang.org/grpc/credentials/insecure"
)

const (
	servedType     tokens.Type         = "command:local:Command"
	servedFunction tokens.ModuleMember = "command:local:run"
)

// The version of the official plugin that this one stands in for.
var version = semver.MustParse("1.2.1")

type provider struct {
	plugin.UnimplementedProvider
	// Done when every command is to end and none is to begin.
	stop    context.Context
	end     context.CancelFunc
	running sync.WaitGroup
	engine  atomic.Pointer[grpc.ClientConn]
}

var _ plugin.GrpcProvider = (*provider)(nil)

func (p *provider) Attach(address string) error {
	credentials := grpc.WithTransportCredentials(insecure.NewCredentials())
	connection, err := grpc.NewClient(address, credentials, rpcutil.GrpcChannelOptions())
	if err == nil {
		p.engine.Store(connection)
	}
	return err
}

func (p *provider) GetPluginInfo(context.Context) (plugin.PluginInfo, error) {
	return plugin.PluginInfo{Version: &version}, nil
}

func (p *provider) SignalCancellation(context.Context) error {
	p.end()
	return nil
}

func (p *provider) CheckConfig(_ context.Context, r plugin.CheckConfigRequest) (plugin.CheckConfigResponse, error) {
	return plugin.CheckConfigResponse{Properties: r.News}, nil
}

func (p *provider) DiffConfig(context.Context, plugin.DiffConfigRequest) (plugin.DiffConfigResponse, error) {
	return plugin.DiffResult{Changes: plugin.DiffNone}, nil
}

func (p *provider) Configure(context.Context, plugin.ConfigureRequest) (plugin.ConfigureResponse, error) {
	return plugin.ConfigureResponse{}, nil
}

func (p *provider) Check(_ context.Context, r plugin.CheckRequest) (plugin.CheckResponse, error) {
	if r.Type != servedType {
		return plugin.CheckResponse{}, fmt.Errorf("%s %s", r.Type, notServed)
	}
	return plugin.CheckResponse{Properties: r.News, Failures: check(r.News, resourceKinds)}, nil
}

func (p *provider) Diff(_ context.Context, r plugin.DiffRequest) (plugin.DiffResponse, error) {
	detailed := plugin.NewDetailedDiffFromObjectDiff(r.OldInputs.Diff(afterIgnored(r)), true)
	if len(detailed) == 0 {
		return plugin.DiffResult{Changes: plugin.DiffNone}, nil
	}
	// Items of triggers replace too, but that is the SDK's doing: it asks the engine for it.
	if change, ok := detailed["triggers"]; ok {
		detailed["triggers"] = change.ToReplace()
	}
	return plugin.DiffResult{Changes: plugin.DiffSome, DetailedDiff: detailed}, nil
}

// afterIgnored is the new inputs, with the old ones in the place of those whose changes are to be ignored.
func afterIgnored(r plugin.DiffRequest) resource.PropertyMap {
	inputs := r.NewInputs.Copy()
	for _, ignored := range r.IgnoreChanges {
		if old, ok := r.OldInputs[resource.PropertyKey(ignored)]; ok {
			inputs[resource.PropertyKey(ignored)] = old
		}
	}
	return inputs
}

func (p *provider) Create(ctx context.Context, r plugin.CreateRequest) (plugin.CreateResponse, error) {
	id, err := resource.NewUniqueHex(r.URN.Name(), 8, -1)
	if err != nil {
		return plugin.CreateResponse{}, err
	}
	state := withUnknown(r.Properties)
	if !r.Preview {
		state, err = p.act(ctx, request{urn: r.URN, inputs: r.Properties, timeout: r.Timeout, which: creating})
	}
	return plugin.CreateResponse{ID: resource.ID(id), Properties: state}, err
}

func (p *provider) Read(_ context.Context, r plugin.ReadRequest) (plugin.ReadResponse, error) {
	return plugin.ReadResponse{ReadResult: plugin.ReadResult{ID: r.ID, Inputs: r.Inputs, Outputs: r.State}}, nil
}

func (p *provider) Update(ctx context.Context, r plugin.UpdateRequest) (plugin.UpdateResponse, error) {
	if r.Preview {
		if r.OldInputs.Diff(r.NewInputs) != nil || r.NewInputs.ContainsUnknowns() {
			return plugin.UpdateResponse{Properties: withUnknown(r.NewInputs)}, nil
		}
		return plugin.UpdateResponse{Properties: with(r.NewInputs, previousOf(r.OldOutputs))}, nil
	}
	state, err := p.act(ctx, request{
		urn: r.URN, inputs: r.NewInputs, state: r.OldOutputs, timeout: r.Timeout, which: updating,
	})
	return plugin.UpdateResponse{Properties: state}, err
}

func (p *provider) Delete(ctx context.Context, r plugin.DeleteRequest) (plugin.DeleteResponse, error) {
	_, err := p.act(ctx, request{
		urn: r.URN, inputs: r.Outputs, state: r.Outputs, timeout: r.Timeout, which: deleting,
	})
	return plugin.DeleteResponse{}, err
}

func (p *provider) Invoke(ctx context.Context, r plugin.InvokeRequest) (plugin.InvokeResponse, error) {
	if r.Tok != servedFunction {
		return plugin.InvokeResponse{}, fmt.Errorf("%s %s", r.Tok, notServed)
	}
	if failures := check(r.Args, functionKinds); len(failures) > 0 {
		return plugin.InvokeResponse{Failures: failures}, nil
	}
	result, err := p.act(ctx, request{inputs: r.Args, which: invoked})
	return plugin.InvokeResponse{Properties: result}, err
}

// request is one command to run, of those that the inputs hold.
type request struct {
	urn resource.URN
	// The state before is where the command's last output is.
	inputs, state resource.PropertyMap
	// In seconds; none where it is 0.
	timeout float64
	which   func(inputs) *string
}

func invoked(in inputs) *string  { return in.Command }
func creating(in inputs) *string { return in.Create }
func deleting(in inputs) *string { return in.Delete }
func updating(in inputs) *string {
	if in.Update == nil {
		return in.Create
	}
	return in.Update
}

// act runs a request's command, if there is one, and returns the inputs with what it printed.
func (p *provider) act(ctx context.Context, r request) (resource.PropertyMap, error) {
	in, err := inputsOf(r.inputs)
	if err != nil {
		return nil, err
	}
	printed := previousOf(r.state)
	if command := r.which(in); command != nil {
		p.running.Add(1)
		defer p.running.Done()
		ctx, cancel := context.WithCancel(ctx)
		defer cancel()
		defer context.AfterFunc(p.stop, cancel)()
		if r.timeout > 0 {
			ctx, cancel = context.WithTimeout(ctx, time.Duration(r.timeout*float64(time.Second)))
			defer cancel()
		}
		printed, err = run(ctx, *command, in, printed, func(line string) { p.log(r.urn, line) })
		if err != nil {
			return nil, err
		}
	}
	return with(r.inputs, printed), nil
}

// log shows a line beside its resource while that is at work; it is not kept. An engine that is gone is no reason to fail:
// whoever watches over it ends the command.
func (p *provider) log(urn resource.URN, line string) {
	if engine := p.engine.Load(); engine != nil {
		request := &pulumirpc.LogRequest{
			Severity: pulumirpc.LogSeverity_INFO, Message: line, Urn: string(urn), Ephemeral: true,
		}
		_, _ = pulumirpc.NewEngineClient(engine).Log(p.stop, request)
	}
}

// warnOfStranger tells the administrator that another user of this machine tried to have a command run.
func (p *provider) warnOfStranger() {
	if engine := p.engine.Load(); engine != nil {
		request := &pulumirpc.LogRequest{
			Severity: pulumirpc.LogSeverity_WARNING,
			Message: "another OS user of this machine called the command plugin, which answers its own user alone, " +
				"and was turned away: docs/security.md says who may be let in here",
		}
		go func() { _, _ = pulumirpc.NewEngineClient(engine).Log(p.stop, request) }()
	}
}

func previousOf(state resource.PropertyMap) output {
	printed := func(key resource.PropertyKey) string {
		if value := opened(state[key]); value.IsString() {
			return value.StringValue()
		}
		return ""
	}
	return output{printed("stdout"), printed("stderr")}
}

func with(inputs resource.PropertyMap, printed output) resource.PropertyMap {
	state := inputs.Copy()
	state["stdout"] = resource.NewStringProperty(printed.stdout)
	state["stderr"] = resource.NewStringProperty(printed.stderr)
	return state
}

// withUnknown is the state of a command that has not run.
func withUnknown(inputs resource.PropertyMap) resource.PropertyMap {
	state := inputs.Copy()
	state["stdout"] = resource.MakeComputed(resource.NewStringProperty(""))
	state["stderr"] = resource.MakeComputed(resource.NewStringProperty(""))
	return state
}
