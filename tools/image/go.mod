module memgraph-controller/tools/image

go 1.26.0
