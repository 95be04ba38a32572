"""Results that were published for the UCR archive, each with its source and protocol.

``published.csv`` has a row for each data set of 2018: facts, then a column for each model. The
data sets of 2015 are others under some of the same names: a study of them is comparable where
``same_split_2018`` is "yes".
"""

import dataclasses
from pathlib import Path

import pandas as pd

FILE = Path(__file__).with_name("published.csv")


@dataclasses.dataclass(frozen=True, kw_only=True)
class Source:
    """Columns of one origin.

    Attributes
    ----------
    title, citation, protocol : str
    columns : dict of str to str
        Of the file, and what the models are called.
    split : int
        Year of the archive.
    metric : str
        As in the rows of a study.
    test_selected : bool
        Whether models were chosen by their scores on the test set. Such columns are only shown:
        beside models that were not they have no rank.
    decimals : int, optional
        To which the scores are rounded, where that is less than it takes to tell them apart.
    misprints : tuple of (dataset, column)
        Visible misprints of the source, left out.
    """

    title: str
    citation: str
    protocol: str
    columns: dict
    split: int = 2018
    metric: str = "accuracy"
    test_selected: bool = False
    decimals: int | None = None
    misprints: tuple = ()

    def table(self):
        """A row for each data set whose split is that of the archive of 2018."""
        table = published()
        if self.split != 2018:
            table = table[table["same_split_2018"] == "yes"]
        scores = table[list(self.columns)].copy()
        for dataset, column in self.misprints:
            scores.loc[dataset, column] = None
        return scores.rename(columns=self.columns).dropna()


SOURCES = (
    Source(
        title="Deep learning for time series classification: a review",
        citation="H. Ismail Fawaz et al. (2019). Data Mining and Knowledge Discovery 33, 917-963; "
        "InceptionTime: H. Ismail Fawaz et al. (2020). Data Mining and Knowledge Discovery 34, "
        "1936-1962.",
        protocol="the archive's split of 2018; mean of five runs, InceptionTime "
        "an ensemble of five",
        columns={
            "dl4tsc_mlp": "MLP (review)",
            "dl4tsc_cnn": "CNN (review)",
            "dl4tsc_encoder": "Encoder (review)",
            "dl4tsc_fcn": "FCN (review)",
            "dl4tsc_resnet": "ResNet (review)",
            "inceptiontime": "InceptionTime",
        },
    ),
    Source(
        title="Bake off redux and later results of tsml-eval",
        citation="M. Middlehurst, P. Schaefer, A. Bagnall (2024). Bake off redux: a review and "
        "experimental evaluation of recent time series classification algorithms. Data Mining and "
        "Knowledge Discovery 38, 1958-2031; figures of the authors' repository tsml-eval.",
        protocol="the archive's split of 2018 (resample 0), one run; InceptionTime, "
        "H-InceptionTime and LITETime are ensembles of five",
        columns={
            "tsml_hivecote2": "HIVE-COTE 2",
            "tsml_multirocket_hydra": "MultiRocket-Hydra",
            "tsml_multirocket": "MultiRocket",
            "tsml_minirocket": "MiniRocket (tsml)",
            "tsml_hydra": "Hydra",
            "tsml_quant": "QUANT",
            "tsml_inceptiontime": "InceptionTime (tsml)",
            "tsml_h_inceptiontime": "H-InceptionTime (tsml)",
            "tsml_litetime": "LITETime (tsml)",
            "tsml_resnet": "ResNet (tsml)",
        },
    ),
    Source(
        title="LSTM-FCN, checkpoint of the lowest training loss",
        citation="F. Karim et al. (2018). LSTM fully convolutional networks for time series "
        "classification. IEEE Access 6, 1662-1669; figures of the authors' code.",
        protocol="the archive's split of 2015; the best of three numbers of cells (it is not said "
        "by what they were compared)",
        columns={
            "trainloss_lstmfcn": "LSTM-FCN (training loss)",
            "trainloss_alstmfcn": "ALSTM-FCN (training loss)",
        },
        split=2015,
        misprints=(("Trace", "trainloss_lstmfcn"), ("Trace", "trainloss_alstmfcn")),
    ),
    Source(
        title="The Columbia study",
        citation="Chun, Twan, Weale (2024). Replication of LSTM-FCN and an improved model.",
        protocol="the archive's split of 2015; early stopping on a fifth of the training series",
        columns={
            "columbia_repl_lstmfcn": "LSTM-FCN (Columbia)",
            "columbia_new_lstmfcn": "Improved LSTM-FCN (Columbia)",
            "columbia_new_alstmfcn": "Improved ALSTM-FCN (Columbia)",
        },
        split=2015,
        decimals=2,
    ),
    Source(
        title="CNN and LSTM with attention",
        citation="Swartz (2025). CNN and LSTM with attention before or after.",
        protocol="the archive's split of 2018; balanced accuracy",
        columns={
            "swartz_bacc_cnn": "CNN (Swartz)",
            "swartz_bacc_cnn_attn_before": "CNN, attention before (Swartz)",
            "swartz_bacc_cnn_attn_after": "CNN, attention after (Swartz)",
            "swartz_bacc_lstm": "LSTM (Swartz)",
            "swartz_bacc_lstm_attn_before": "LSTM, attention before (Swartz)",
            "swartz_bacc_lstm_attn_after": "LSTM, attention after (Swartz)",
        },
        metric="balanced_accuracy",
    ),
    Source(
        title="LSTM-FCN, the paper's table",
        citation="F. Karim et al. (2018). LSTM fully convolutional networks for time series "
        "classification. IEEE Access 6, 1662-1669.",
        protocol="the archive's split of 2015; checkpoint and number of cells chosen on the test "
        "set",
        columns={
            "testselected_sota": "best of others",
            "testselected_lstmfcn": "LSTM-FCN",
            "testselected_lstmfcn_ft": "LSTM-FCN, refined",
            "testselected_alstmfcn": "ALSTM-FCN",
            "testselected_alstmfcn_ft": "ALSTM-FCN, refined",
        },
        split=2015,
        test_selected=True,
    ),
)


def same_split(facts):
    """The data sets whose numbers of series and classes are those of the archive of 2018.

    Parameters
    ----------
    facts : DataFrame
        Of a study, a row for each data set.
    """
    columns = ["n_train", "n_test", "n_classes"]
    theirs = published()[columns].reindex(facts.index)
    return facts.index[(facts[columns] == theirs).all(axis=1)]


def published():
    """The whole table, data sets as its index."""
    return pd.read_csv(FILE, index_col="dataset")
