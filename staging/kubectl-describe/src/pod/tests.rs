use crate::testing::described;
use serde_json::json;

#[tokio::test]
async fn a_pending_pod_is_described() {
    let pod = json!({
        "kind": "Pod",
        "metadata": {"name": "p", "namespace": "n", "ownerReferences": [{"kind": "ReplicaSet", "name": "r", "controller": true}]},
        "spec": {
            "containers": [{
                "name": "c", "image": "i", "ports": [{"containerPort": 80, "protocol": "TCP", "name": "web"}],
                "resources": {"limits": {"cpu": "1500m"}},
                "livenessProbe": {"httpGet": {"path": "/a b", "port": "web", "scheme": "HTTP"}, "timeoutSeconds": 1},
                "env": [{"name": "CPU", "valueFrom": {"resourceFieldRef": {"resource": "limits.cpu", "divisor": "1"}}}],
                "volumeMounts": [{"name": "v", "mountPath": "/v", "subPath": "s"}],
            }],
            "volumes": [{"name": "v", "emptyDir": {}}],
            "tolerations": [{"key": "k", "operator": "Exists", "effect": "NoExecute", "tolerationSeconds": 300}],
        },
        "status": {"phase": "Pending", "qosClass": "Burstable"},
    });
    assert_eq!(
        described("", &pod, Vec::new()).await,
        "Name:           p
Namespace:      n
Node:           <none>
Labels:         <none>
Annotations:    <none>
Status:         Pending
IP:             
IPs:            <none>
Controlled By:  ReplicaSet/r
Containers:
  c:
    Image:      i
    Port:       80/TCP (web)
    Host Port:  0/TCP (web)
    Limits:
      cpu:     1500m
    Liveness:  http-get http://:web/a%20b delay=0s timeout=1s period=0s #success=0 #failure=0
    Environment:
      CPU:  2 (limits.cpu)
    Mounts:
      /v from v (rw,path=\"s\")
Volumes:
  v:
    Type:        EmptyDir (a temporary directory that shares a pod's lifetime)
    Medium:      
    SizeLimit:   <unset>
QoS Class:       Burstable
Node-Selectors:  <none>
Tolerations:     k:NoExecute op=Exists for 300s
Events:          <none>
"
    );
}
