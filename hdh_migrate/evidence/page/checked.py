"""What a check of a bundle came to, in the reader's language.

The verifier travels alone, and says it in English; here is the French of what holds and of what no
bundle can show. The French of what is wrong stands in `messages.problems`.
"""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from typing import Final

from hdh_migrate.evidence.page.messages.problems import problem_in_french
from hdh_migrate.evidence.page.pages import COMPARED, NOT_COMPARED
from hdh_migrate.evidence.page.text import Text
from hdh_migrate.evidence.verifier import outcome, sample, signatures

_PLACE = re.compile(r"\{[^}]*\}")
_SHARE = re.compile(r"(\d+)\.(\d+)%")


def text_of(came_to: outcome.Outcome, language: str) -> str:
    """Return an outcome as lines for people, in `fr` or `en`."""
    if language != "fr":
        return "\n".join(came_to.text_lines())
    if came_to.problems:
        wrong = [f"FAUX     {problem}" for problem in wrong_in(came_to.problems, language)]
        return "\n".join([*wrong, "ce dossier ne prouve rien"])
    holds = [f"vérifié  {one}" for one in said(came_to.checked, language)]
    left = [f"ouvert   {one}" for one in said(came_to.open, language)]
    return "\n".join([*holds, *left, "le dossier est conforme"])


def wrong_in(problems: Sequence[str], language: str) -> list[str]:
    """Return what is wrong, in `fr` or `en`; what has no form, of another version say, as it is."""
    return [one if language != "fr" else problem_in_french(one) or one for one in problems]


def said(sentences: Sequence[str], language: str) -> list[str]:
    """Return what was checked, or is open, in `fr` or `en`; what is not in `FRENCH` as it is."""
    return [one if language != "fr" else _french(one) or one for one in sentences]


def _french(sentence: str) -> str | None:
    for english, french in FRENCH.items():
        pattern = "(.+?)".join(re.escape(piece) for piece in _PLACE.split(english))
        if (read := re.fullmatch(pattern, sentence)) is not None:
            shown = Text(fr=french, en="").said("fr").format(*map(_shown, read.groups()))
            number, space, words = shown.partition(" ")
            # No-break spaces are for browsers, and numbers stand in a column.
            rest = " ".join(words.split())
            return f"{number:<2} {rest}" if number.isdecimal() else f"{number}{space}{rest}"
    return None


def _shown(text: str) -> str:
    return _SHARE.sub(r"\1,\2 %", text)


FRENCH: Final[Mapping[str, str]] = {
    outcome.CHECKED[0]: "1 chaque fichier annoncé est là, et aucun autre",
    outcome.CHECKED[1]: "2 SHA256SUMS donne les empreintes de ces fichiers, exactement",
    outcome.CHECKED[2]: "3 l'énoncé est signé par assez de clés de confiance",
    outcome.CHECKED[3]: "4 chaque fichier est celui dont parle l'énoncé",
    outcome.CHECKED[4]: "5 chaque ligne est canonique, à sa place, unique et bien formée",
    outcome.CHECKED[5]: "6 les racines de Merkle et tous les comptes découlent des lignes",
    outcome.CHECKED[6]: "7 « complet », « prouvé » et « répétition » ne sont dits que si ces"
    " comptes et ces adresses le permettent",
    outcome.CHECKED[7]: "8 la chaîne du journal est sans rupture, et il raconte ce que disent les"
    " lignes et l'énoncé",
    outcome.CHECKED[8]: "9 le plan a l'empreinte qui désigne l'exécution, et les lignes et l'énoncé"
    " sont ceux auxquels il conduit",
    outcome.STAMPED: "10 l'énoncé signé existait le {}, dit {}",
    sample.SAMPLED_ALL: "11 tous les objets stockés ({}) ont été relus sur la cible et sont ce qui"
    " a été stocké",
    sample.SAMPLED: "11 {} des {} objets stockés, tirés au sort avec le nonce {}, sont ce qui a été"
    " stocké : avec une confiance de 95 %, moins de {} sont mauvais",
    outcome.GOES_ON: "12 le journal prolonge le point de contrôle à {} événements ; clés de"
    " confiance qui l'ont signé : {}",
    outcome.APPROVED: "13 approbations signées ({}), chacune pour ce qui a été fait, dans ce"
    " journal tel qu'il était alors, par une clé que les conditions d'alors nomment",
    outcome.AS_APPROVED: "13 le manifeste est celui qui a été approuvé en dernier (lots : {})",
    outcome.WAIVED: "14 dérogations signées ({}), chacune pour le plan d'alors, par une clé qui"
    " pouvait déroger, et avant son terme ; aucune bascule n'est passée outre un constat qu'aucune"
    " ne couvre",
    COMPARED: "15 chaque page est celle que donnent cet énoncé, ces constats et ce journal",
    outcome.JUDGED: "16 chaque jugement porté sur des pertes ({} en tout) est signé, sur ce que le"
    " journal disait alors, par une clé qui n'avait signé aucun rapport",
    outcome.ALONE: "que rien n'a été omis ni inventé avant la signature : qui détient le registre"
    " et la clé du rapport le peut. Ce qui le limite : un point de contrôle du journal qu'un témoin"
    " a signé ou que vous avez gardé (--checkpoint), un dossier antérieur (audit compare), un"
    " horodatage",
    outcome.SINCE: "que rien n'a été omis ni inventé après les {} premiers événements",
    outcome.OPEN[1]: "que la source a donné son vrai contenu : seule la machine de l'opérateur l'a"
    " lue",
    outcome.OPEN[2]: "ce qu'aucune ligne ne montre : les adresses contactées, les débits, les"
    " pertes, qui a lancé l'outil",
    outcome.FIRST_FORMAT: "ce que le journal raconte, et les pages : le dossier est du premier"
    " format, dont ni l'un ni les autres ne sont comparés à l'énoncé",
    outcome.UPGRADED: "ce que le journal raconte avant son événement {}, à partir duquel son"
    " registre dit ce qu'il compte",
    outcome.MOVED_ON: "que le manifeste est ce qui a été approuvé (lots : {}) : d'après le journal,"
    " des objets ont connu depuis un autre sort",
    outcome.BY_WORD: "que ceux qui sont nommés comme approbateurs ont approuvé ({} fois) : le"
    " journal nomme leurs clés, et ce qu'ils ont signé n'est pas dans le dossier",
    outcome.WAIVED_BY_WORD: "que les dérogations viennent de qui pouvait déroger ({} fois) : le"
    " journal n'a pas ce qui a été signé",
    outcome.WHOSE: "à qui sont les clés qui ont approuvé, dérogé ou jugé : demandez à chacun"
    " l'empreinte de la sienne",
    outcome.KEYED: "ce que sont devenues les bascules, ce qui a été ouvert, et que ceux qui sont"
    " nommés ont approuvé ou dérogé : quand les noms sont remplacés, le journal du dossier ne le"
    " raconte pas ; celui du dossier en clair le fait",
    signatures.UNKNOWN: "si ceux dont les clés ne vous ont pas été données ont signé ({} fois) :"
    " --trust prend aussi leurs clés. Une page nomme le premier signataire, quel qu'il soit",
    outcome.PAGES: "que les pages montrent ce que dit l'énoncé : « hdh-migrate audit verify » les"
    " refait",
    NOT_COMPARED: "que les pages montrent ce que dit l'énoncé : une autre version de l'outil les a"
    " écrites ({}), et seule l'empreinte de l'énoncé qu'elles portent a été comparée",
    outcome.UNSAMPLED: "que la cible détient encore ces octets : --sample en relit une partie",
    outcome.UNSTAMPED: "quand le dossier a été fait : ses dates sont celles de l'opérateur",
    outcome.UNJUDGED_STAMP: "l'horodatage : --tsa-trust nomme l'autorité à laquelle vous faites"
    " confiance",
}
"""What the verifier says, its places in this order, and its French."""
