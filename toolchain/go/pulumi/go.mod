module pgsite/toolchain/pulumi

go 1.25.11

require github.com/pulumi/pulumi/pkg/v3 v3.250.0
