"""Every question of docs/questions.md has its heading on the page, in both languages."""

from __future__ import annotations

import re
from html.parser import HTMLParser
from pathlib import Path
from typing import NamedTuple

import pytest

from tests.support.every import every
from tests.unit.evidence.builders import signer
from tests.unit.evidence.rich import rich

QUESTIONS = Path(__file__).parents[3] / "docs" / "questions.md"
READERS = ("Délégué à la protection des données", "Auditeur", "Acheteur")


class Question(NamedTuple):
    """One row of a table."""

    reader: str
    fr: str
    en: str
    headings: dict[str, str]


class Headings(HTMLParser):
    """The text of a page's headings and of the questions of its first screen.

    What is no question of the first screen is led to from there.
    """

    def __init__(self, page: str) -> None:
        super().__init__()
        self.found: set[str] = set()
        self.led_to: set[str] = set()
        self.below: set[str] = set()
        self.under: dict[str, str] = {}
        """What stands between a heading and the next one."""
        self._last = ""
        self._text: str | None = None
        self._below = False
        self.feed(page)

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        if tag in {"h2", "dt", "a"}:
            self._text = ""
            self._below = tag == "h2" and bool(attrs)

    def handle_endtag(self, tag: str) -> None:
        if tag in {"h2", "dt", "a"} and self._text is not None:
            (self.led_to if tag == "a" else self.found).add(plain(self._text))
            if tag != "a":
                self._last = plain(self._text)
            if self._below:
                self.below.add(plain(self._text))
            self._text = None

    def handle_data(self, data: str) -> None:
        if self._text is not None:
            self._text += data
        elif self._last:
            self.under[self._last] = plain(f"{self.under.get(self._last, '')} {data}")


def plain(text: str) -> str:
    text = re.sub(r"\s+", " ", text.replace("\u2019", "'").replace("\u2011", "-"))
    return re.sub(r" (?=[,.])", "", text).strip()  # where a span ends, no space is seen


def questions() -> list[Question]:
    found, reader = list[Question](), ""
    for line in QUESTIONS.read_text().splitlines():
        if line.startswith("## "):
            reader = line.removeprefix("## ").partition(" · ")[0]
        elif line.startswith("| ") and not line.startswith(("| Question |", "| --- |")):
            fr, en, where = (cell.strip() for cell in line.strip("|").split("|"))
            titles = dict(zip(("fr", "en"), where.split(" · "), strict=True))
            found.append(Question(reader, fr, en, titles))
    return found


@pytest.fixture(scope="module")
def pages(tmp_path_factory: pytest.TempPathFactory) -> dict[str, Headings]:
    folder = tmp_path_factory.mktemp("questions")
    made = rich(folder / "bundle", signer(folder))
    return {
        language: Headings((made.folder / f"report.{language}.html").read_text())
        for language in ("fr", "en")
    }


@pytest.mark.parametrize("reader", READERS)
def test_each_reader_has_ten_questions_or_more(reader: str) -> None:
    asked = [one for one in questions() if one.reader == reader]
    assert len(asked) == len({one.fr for one in asked}) == len({one.en for one in asked}) >= 10


@pytest.mark.parametrize("language", ["fr", "en"])
@every("question", questions(), ids=lambda one: one.en)
def test_a_question_is_answered_under_a_heading_of_the_page(
    pages: dict[str, Headings], question: Question, language: str
) -> None:
    assert question.headings[language] in pages[language].found


ANSWERS = {
    "Quels traitements": "Départ : 330 objets (12,6 Gio). Arrivés, et encore tels que vérifiés",
    "restées en France": "Vers : scaleway, https://s3.fr-par.scw.cloud (région nommée fr-par",
    "Sur quelle autorisation": "CNIL, délibération 2023-146, jusqu'au 21 décembre 2026",
    "Le prestataire peut-il lire": "keys/escrow.pub étude de Me Durand, Paris clé de secours",
    "ouvertes en clair": "contrôle de lisibilité, ticket 4711",
    "que je devrais notifier": "objet de la cible accepté à la place de celui qui a été vérifié",
    "une copie chez l'ancien": "Lot pilote : 158 objets supprimés, 1 déjà absent",
    "pas été repris": "**/_t/** scratch",
    "Combien de temps dois-je garder": "service des archives, jusqu'au 31 décembre 2037",
    "Jusqu'à quand valent": "base légale « CNIL, délibération 2023-146 »",
    "Que s'est-il passé": "première exécution de l'outil",
    "Sur la foi de quel rapport": "sur quel rapport, ce journal ne le dit pas",
    "son accord à la bascule": "Lot pilote, bascule",
    "qui est sous-traitant": "Responsable de traitement : Plateforme des données de santé",
    "classer ce dossier": "Décider de la copie qui est encore à la source : lots pilote",
    "lie le sous-traitant": "lié par : marché 2026-118",
    "sans les noms": "un rapport sans noms d'objets",
    "pendant dix ans": "La clé publique du rapport, d'empreinte",
    "pas été retouché": "À comparer à une empreinte reçue par une autre voie",
    "sans leur logiciel": "sha256sum -c SHA256SUMS",
    "Contre quoi l'opérateur": "qui détient à la fois le registre et la clé du rapport le peut",
    "ou un échantillon": "Le déchiffrement a lieu en mémoire",
    "Quels algorithmes": "Crypt4GH (X25519, ChaCha20-Poly1305)",
    "quelle version de TLS": "TLSv1.3 TLS_AES_256_GCM_SHA384",
    "Quelles règles": "attestation attestation de l'hébergeur le renouvellement du certificat",
    "L'outil a-t-il planté": "1 exécution sur 3 s'est arrêtée net",
    "Les sommes par lot": "Total 330 323 5 1 1 12,5 Gio",
    "pour SecNumCloud": "19.2 localisation des données",
    "de quel côté": "Source 4 2 source-md5-differs",
    "requêtes ont été": "812",
    "Combien d'approbations": "bascule : 2 ; fin du retour possible : 1",
    "signe le rapport": "La clé qui signe ce rapport n'est aucune de celles qui ont approuvé.",
    "depuis le rapport précédent": "hdh-migrate audit compare",
    "plan a-t-il changé": "Débit maximal limits.bandwidth : 400 Mio/s → 800 Mio/s",
    "le plus volumineux": "Le plus grand objet : 85,7 Mio.",
    "repartir de chez": "0,01 EUR par Go (relecture), à partir du 1er janvier 2026",
    "D'autres serveurs": "Le journal ne montre aucune autre adresse",
    "terminée": "Non. Les comptes sont justes",
    "Combien de temps cela": "soit 266 j 12 h",
    "utilisateurs ont-ils": "au moins 12 min 4 s",
    "revenir en arrière": "Délai de retour jusqu'au 10 mars 2026",
    "Quel volume est sorti": "ce qui en est sorti, relectures comprises",
    "service est-il qualifié": "décision ANSSI 2026-1187, jusqu'au 31 décembre 2028",
    "Que perd-on": "niveau de stockage",
    "prestataire disparaît": "Un objet s'ouvre sans cet outil",
    "Le débit tient-il": "350,4 Kio/s en moyenne",
    "pour 100 To": "les étapes l'une après l'autre",
    "reste-t-il un doute": "2 affirmations sur lesquelles l'outil compte ne sont confirmées",
}
"""What a reader looks for, by words of the question, on a page of a migration of months."""


def test_what_is_asked_is_told_under_the_heading_that_is_named(pages: dict[str, Headings]) -> None:
    asked = questions()
    found = [one for words in ANSWERS for one in asked if words in one.fr]
    assert len(found) == len({one.fr for one in found}) == len(asked) == len(ANSWERS)
    for one, answer in zip(found, ANSWERS.values(), strict=True):
        under = pages["fr"].under[one.headings["fr"]]
        assert answer in under, (one.fr, under)


@pytest.mark.parametrize("language", ["fr", "en"])
def test_every_heading_is_led_to_from_the_first_screen(
    pages: dict[str, Headings], language: str
) -> None:
    assert pages[language].below <= pages[language].led_to
    assert len(pages[language].below) >= 15
