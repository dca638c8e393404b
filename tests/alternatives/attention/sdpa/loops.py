"""One query at a time, over the keys it sees."""

import torch


def attention(q, k, v, mask=None, *, causal=False, scale=None):
    B, H, T_q, D = q.shape
    T_k, D_v = v.shape[2], v.shape[3]
    work = torch.float64 if q.dtype == torch.float64 else torch.float32
    factor = D**-0.5 if scale is None else scale
    if mask is not None:
        mask = mask.expand(B, H, T_q, T_k)
    q, k, v, out_dtype = q.to(work), k.to(work), v.to(work), q.dtype

    batch = []
    for b in range(B):
        heads = []
        for h in range(H):
            rows = []
            for i in range(T_q):
                seen = [j for j in range(T_k) if not causal or j <= i + T_k - T_q]
                if mask is not None and mask.dtype == torch.bool:
                    seen = [j for j in seen if mask[b, h, i, j]]
                elif mask is not None:
                    seen = [j for j in seen if mask[b, h, i, j] != float("-inf")]
                if not seen:
                    rows.append(torch.zeros(D_v, dtype=work, device=q.device))
                    continue
                scores = k[b, h, seen] @ q[b, h, i] * factor
                if mask is not None and mask.dtype != torch.bool:
                    scores = scores + mask[b, h, i, seen].to(work)
                rows.append(torch.softmax(scores, 0) @ v[b, h, seen])
            heads.append(torch.stack(rows))
        batch.append(torch.stack(heads))
    return torch.stack(batch).to(out_dtype)
