"""Classes as signs: the loss is softplus of minus the margin; one vector for w and b."""

import torch


def table(X, y):
    if X.dim() != 2 or y.shape != X.shape[:1]:
        raise ValueError(f"{tuple(X.shape)} against {tuple(y.shape)}")
    if any(label not in (0, 1) for label in y.tolist()):
        raise ValueError("classes")
    ones = torch.ones(len(X), 1, dtype=torch.float64, device=X.device)
    return torch.cat([X.double(), ones], dim=1), 2.0 * y.double() - 1


def loss_and_slope(A, s, v, l2):
    margin = s * (A @ v)
    # log(1 + exp(-m)), for either sign
    loss = torch.logaddexp(torch.zeros_like(margin), -margin).mean() + l2 * v[:-1].dot(v[:-1])
    slope = -(A * (s * torch.sigmoid(-margin)).unsqueeze(1)).mean(dim=0)
    slope[:-1] += 2 * l2 * v[:-1]
    return loss, slope


def out(X):
    return torch.promote_types(X.dtype, torch.float32)


def logistic_loss(X, y, w, b, *, l2=0.0):
    A, s = table(X, y)
    v = torch.cat([w.double(), b.double().reshape(1)])
    loss, slope = loss_and_slope(A, s, v, l2)
    return loss.to(out(X)), slope[:-1].to(out(X)), slope[-1].to(out(X))


def fit_logistic(X, y, *, lr, steps, l2=0.0):
    A, s = table(X, y)
    v = torch.zeros(A.shape[1], dtype=torch.float64, device=X.device)
    for _ in range(steps):
        v = v - lr * loss_and_slope(A, s, v, l2)[1]
    return v[:-1].to(out(X)), v[-1].to(out(X))


def predict_proba(X, w, b):
    return torch.special.expit((X.double() * w.double()).sum(dim=-1) + b.double()).to(out(X))
