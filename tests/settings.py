"""Settings of the contract tests, as data: small training runs and reasoned exceptions."""

#: Enough training for scikit-learn's own checks of accuracy, and no more.
TRAINING = {
    "classifier": {"max_epochs": 20, "lr": 1e-2},
    "regressor": {"max_epochs": 60, "lr": 1e-2},
}

#: Small networks: the checks ask how an estimator behaves, not how well it predicts.
ARCHITECTURE = {"filters": (8, 16, 8)}

#: Checks of scikit-learn that cannot pass, and why.
EXPECTED_FAILED_CHECKS = {
    "check_sample_weight_equivalence_on_dense_data": (
        "Training in shuffled mini-batches cannot tell a series of weight 2 from the same series "
        "twice; scikit-learn expects the same failure of its own SGDClassifier."
    ),
}


def small(cls, **options):
    """An instance of `cls` that trains in a moment."""
    kind = "classifier" if "Classifier" in cls.__name__ else "regressor"
    known = {name: value for name, value in ARCHITECTURE.items() if name in cls().get_params()}
    return cls(**({"random_state": 0} | known | TRAINING[kind] | options))
