"""Sequence by sequence and head by head, with the softmax's whole Jacobian for each row."""

import torch


def mha_backward(grad_out, x, w_q, w_k, w_v, w_o, n_heads, *, causal=True):
    width = x.size(-1)
    if width % n_heads:
        raise ValueError(f"{width} channels for {n_heads} heads")
    D = width // n_heads
    wide = [tensor.double() for tensor in (x, w_q, w_k, w_v, w_o)]
    grads = [torch.zeros_like(tensor) for tensor in wide]
    xs, wq, wk, wv, wo = wide
    gx, gwq, gwk, gwv, gwo = grads
    for b in range(len(x)):
        rows, gy = xs[b], grad_out[b].double()
        for h in range(n_heads):
            own = slice(h * D, (h + 1) * D)
            q, k, v = rows @ wq[own].T, rows @ wk[own].T, rows @ wv[own].T
            gq, gk, gv = torch.zeros_like(q), torch.zeros_like(k), torch.zeros_like(v)
            for i in range(len(rows)):
                n = i + 1 if causal else len(rows)
                p = torch.softmax(k[:n] @ q[i] / D**0.5, 0)
                gwo[:, own] += torch.outer(gy[i], p @ v[:n])
                g_head = gy[i] @ wo[:, own]
                gv[:n] += torch.outer(p, g_head)
                jacobian = torch.diag(p) - torch.outer(p, p)
                gs = jacobian @ (v[:n] @ g_head) / D**0.5
                gq[i] += gs @ k[:n]
                gk[:n] += torch.outer(gs, q[i])
            for g, w, gw in ((gq, wq, gwq), (gk, wk, gwk), (gv, wv, gwv)):
                gw[own] += g.T @ rows
                gx[b] += g @ w[own]
    return [grad.to(x.dtype) for grad in grads]
