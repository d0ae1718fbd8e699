"""What is safe where there is a finding, and what to do: as `errors` says it, in French too."""

from __future__ import annotations

import re
from typing import Final

from hdh_migrate.codes import Code, Severity
from hdh_migrate.evidence.page.text import Text
from hdh_migrate.frozen import frozen_row


@frozen_row
class SaidRemedy:
    """What is safe, and what to do next."""

    safe: Text
    next: Text


_WAIVE: Final = (
    '"hdh-migrate waive PLAN --what finding.{code} --until DAY --key FILE --reason TEXT"'
)
_OFTEN: Final = (
    (
        f"{_WAIVE} accepts it, signed and until a day",
        f"{_WAIVE} l'accepte, signé et jusqu'au jour dit",
    ),
    ('"hdh-migrate run PLAN" tries it again', '"hdh-migrate run PLAN" essaie de nouveau'),
)
"""Parts of many sentences, in both languages; a table has `@0` and `@1` instead."""

_SAFE: Final = {
    "nothing was deleted at the source; the others of its dataset are moved":
        "rien n'a été supprimé à la source ; les autres objets du jeu sont déplacés",
    "nothing of it counts as moved, and the run deleted nothing at the source":
        "rien n'en est compté comme déplacé, et l'outil n'a rien supprimé à la source",
    "nothing was deleted at the source; nothing of it counts as moved":
        "rien n'a été supprimé à la source ; rien n'en est compté comme déplacé",
    "what the target holds under its key is somebody else's and was not touched; the source keeps"
    " ours":
        "ce que la cible a sous ce nom vient d'ailleurs et n'a pas été touché ; la source garde "
        "le nôtre",
    "nothing was deleted or overwritten; the versions that are at the target stay verified":
        "rien n'a été supprimé ni écrasé ; les versions déjà sur la cible restent vérifiées",
    "nothing was deleted at the source; it does not count as verified":
        "rien n'a été supprimé à la source ; l'objet n'est pas compté comme vérifié",
    "everything else is moved as the plan says": "tout le reste est déplacé comme le plan le dit",
    "nothing is moved by a report; what is moved is what was listed twice":
        "un état de la source ne fait rien déplacer ; n'est déplacé que ce qui a été listé deux "
        "fois",
    "what somebody put there was not touched; nothing was deleted at the source":
        "ce que quelqu'un y a mis n'a pas été touché ; rien n'a été supprimé à la source",
    "what the target holds there was not touched; nothing was deleted at the source":
        "ce que la cible y contient n'a pas été touché ; rien n'a été supprimé à la source",
    "nothing was deleted; each version's bytes are compared by themselves":
        "rien n'a été supprimé ; les octets de chaque version sont comparés à part",
    "nothing was overwritten; every version of the manifest is there and is verified":
        "rien n'a été écrasé ; chaque version du manifeste est là et vérifiée",
    "the object was begun anew under another data key":
        "l'objet a été recommencé avec une autre clé de données",
    "its bytes are moved or will be, and are verified like all others":
        "ses octets sont déplacés, ou le seront, et vérifiés comme tous les autres",
    "the tool overwrote nothing": "l'outil n'a rien écrasé",
    "its bytes are those that were verified; nothing was overwritten":
        "ses octets sont ceux qui ont été vérifiés ; rien n'a été écrasé",
    "nothing was changed at the target": "rien n'a été changé sur la cible",
    "the target keeps what it has of it; what was not moved yet counts as left behind":
        "la cible garde ce qu'elle en a ; ce qui n'avait pas encore été déplacé est compté comme "
        "laissé de côté",
    "nothing more of it is deleted; the source may keep it as a soft-deleted blob, and the"
    " target's bucket as an earlier version":
        "rien de plus n'en est supprimé ; la source peut l'avoir gardé en suppression réversible, "
        "et la cible comme version antérieure",
    "the source keeps it; nothing of it was deleted":
        "la source le garde ; rien n'en a été supprimé",
    "the target keeps it, verified": "la cible le garde, vérifié",
    "nothing more of it is deleted; the target's bucket may keep it as an earlier version, and the"
    " source as a soft-deleted one for some days":
        "rien de plus n'en est supprimé ; la cible peut l'avoir gardé comme version antérieure, et "
        "la source, quelques jours, en suppression réversible",
    "an object is moved only in the version that was listed; what was not listed is not":
        "un objet n'est déplacé que dans la version qui a été listée ; ce qui n'a pas été listé ne "
        "l'est pas",
}  # fmt: skip

_NEXT: Final = {
    'make a plain object of it at the source, and "hdh-migrate run PLAN" looks again; or @0':
        'en faire un objet ordinaire à la source, et "hdh-migrate run PLAN" le regarde de nouveau '
        "; ou bien @0",
    '"hdh-migrate rehydrate PLAN" counts them, with hours and cost, and with --execute brings them'
    " back and moves them; or @0":
        '"hdh-migrate rehydrate PLAN" les compte, avec les heures et le coût, et avec `--execute` '
        "les fait revenir et les déplace ; ou bien @0",
    'bring it back ("hdh-migrate rehydrate PLAN" counts them, with hours and cost); then @1':
        'le faire revenir ("hdh-migrate rehydrate PLAN" les compte, avec les heures et le coût) ; '
        "puis @1",
    "if a backup has it, put it there as a dataset of its own; or @0":
        "si une sauvegarde l'a, en faire un jeu de données à part ; ou bien @0",
    'undelete it there (Undelete Blob) while it lasts, then "hdh-migrate run PLAN --refresh"; or'
    " @0":
        "annuler sa suppression à la source (Undelete Blob) tant que c'est possible, puis "
        '"hdh-migrate run PLAN --refresh" ; ou bien @0',
    '"hdh-migrate run PLAN --refresh" settles it: when it is gone for good, it counts as left'
    " behind and holds nothing back; when it is back, @1":
        '"hdh-migrate run PLAN --refresh" en décide : disparu pour de bon, il est compté comme '
        "laissé de côté et ne retient rien ; revenu, @1",
    "let nobody write to it meanwhile; @1 as it is then":
        "faire en sorte que personne n'y écrive ; @1, tel qu'il est alors",
    'grant the credential its right, which "hdh-migrate preflight PLAN" looks for; then @1':
        'donner à l\'accès le droit qui lui manque ("hdh-migrate preflight PLAN" le cherche) ; '
        "puis @1",
    "the store, or what stands before it, answers wrongly; @1":
        "la source ou la cible, ou ce qui est devant elle, répond mal ; @1",
    "mend what the message names; @1": "remédier à ce que dit le constat ; @1",
    "find out whose it is and move it away, or go on with the ledger that sent it; then"
    ' "hdh-migrate run PLAN --retry-failed --code {code}" sends ours':
        "trouver à qui il est et l'écarter, ou continuer avec le registre qui l'a envoyé ; puis "
        '"hdh-migrate run PLAN --retry-failed --code {code}" envoie le nôtre',
    "to have all of them in their order, move the dataset anew under another target prefix by a"
    " plan of its own; or @0":
        "pour les avoir toutes dans leur ordre, déplacer le jeu à nouveau sous un autre préfixe, "
        "avec un plan à lui ; ou bien @0",
    "mend what keeps the version before it, or leave that one out (`exclude`, then"
    ' "hdh-migrate amend PLAN --batch NAME --reason TEXT --execute"); then @1':
        "remédier à ce qui retient la version précédente, ou exclure celle-ci (`exclude`, puis "
        '"hdh-migrate amend PLAN --batch NAME --reason TEXT --execute") ; puis @1',
    "give the machine more memory or lower `limits.memory`; then @1":
        "donner plus de mémoire à la machine, ou baisser `limits.memory` ; puis @1",
    "@1, from its first byte": "@1, depuis le premier octet",
    "@1; when it stays so, tell the host": "@1 ; si cela persiste, le dire à l'hébergeur",
    "look whether the rule means what you think; mend it, or set `allow_unused`, in the plan"
    ' ("hdh-migrate amend PLAN --batch NAME --reason TEXT --execute"), or @0':
        "voir si la règle dit bien ce qui est voulu ; la corriger dans le plan, ou y mettre "
        '`allow_unused` ("hdh-migrate amend PLAN --batch NAME --reason TEXT --execute"), ou bien '
        "@0",
    'list the source again ("hdh-migrate inventory PLAN --refresh"), compare again with a newer'
    " report, or @0":
        'lister de nouveau la source ("hdh-migrate inventory PLAN --refresh"), comparer avec un '
        "état plus récent, ou bien @0",
    "look the keys up at the places that are named; mend the list or set `allow_unused` in the plan"
    ' ("hdh-migrate amend PLAN --batch NAME --reason TEXT --execute"), or @0':
        "chercher les noms aux endroits dits ; corriger la liste dans le plan, ou y mettre "
        '`allow_unused` ("hdh-migrate amend PLAN --batch NAME --reason TEXT --execute"), ou bien '
        "@0",
    "@1: it asks the target first and replaces only what is ours":
        "@1 : il interroge d'abord la cible, et ne remplace que ce qui est à cette migration",
    'find out who replaced it and move that away; then "hdh-migrate run PLAN --retry-failed'
    ' --code {code}" sends ours anew':
        "trouver qui l'a remplacé et écarter ce qui y est ; puis "
        '"hdh-migrate run PLAN --retry-failed --code {code}" renvoie le nôtre',
    "find out who replaced it and move that away; then @1":
        "trouver qui l'a remplacé et écarter ce qui y est ; puis @1",
    "find out who deleted it at the target; then"
    ' "hdh-migrate run PLAN --retry-failed --code {code}" sends it anew':
        "trouver qui l'a supprimé sur la cible ; puis "
        '"hdh-migrate run PLAN --retry-failed --code {code}" le renvoie',
    "the target, or what stands before it, answers wrongly; @1":
        "la cible, ou ce qui est devant elle, répond mal ; @1",
    'grant the reading credential its right, which "hdh-migrate preflight PLAN" looks for; then @1':
        'donner à l\'accès en lecture le droit qui lui manque ("hdh-migrate preflight PLAN" le '
        "cherche) ; puis @1",
    "find out whose it is and move it away; then"
    ' "hdh-migrate run PLAN --retry-failed --code {code}" sends ours':
        "trouver à qui il est et l'écarter ; puis "
        '"hdh-migrate run PLAN --retry-failed --code {code}" envoie le nôtre',
    "move the dataset anew under another target prefix by a plan of its own; or @0":
        "déplacer le jeu à nouveau sous un autre préfixe, avec un plan à lui ; ou bien @0",
    "find out who writes to the bucket; or @0": "trouver qui écrit sur la cible ; ou bien @0",
    "compare it with another copy, for the source contradicts itself; once it is mended there, @1":
        "le comparer à une autre copie, car la source se contredit ; une fois corrigé là, @1",
    "find out why the source gave other bytes; then @0":
        "trouver pourquoi la source a donné d'autres octets ; puis @0",
    "@1 as the source has it now": "@1, tel que la source l'a maintenant",
    "find out why the source gives other bytes for one version; @1":
        "trouver pourquoi la source donne d'autres octets pour une même version ; @1",
    "look what the target kept of it; @0": "voir ce que la cible en a gardé ; @0",
    "look whether who reads it can live with the names; @0":
        "voir si les lecteurs s'accommodent de ces noms ; @0",
    "the metadata stays in the ledger only; @0":
        "ces métadonnées ne restent que dans le registre ; @0",
    "set the tags at the target by hand, or @0":
        "mettre les étiquettes sur la cible à la main, ou bien @0",
    "grant the reading credential `s3:GetObjectTagging`, or @0":
        "donner à l'accès en lecture le droit `s3:GetObjectTagging`, ou bien @0",
    "set the lock at the target by hand, or @0":
        "mettre le verrou sur la cible à la main, ou bien @0",
    '"hdh-migrate verify PLAN --again --restore ID" keeps theirs aside, and the next run sends'
    " ours; --accept ID --reason TEXT takes theirs":
        '"hdh-migrate verify PLAN --again --restore ID" met de côté ce qui y est, et '
        "l'exécution suivante envoie le nôtre ; `--accept ID --reason TEXT` garde ce qui y est",
    '"hdh-migrate verify PLAN --again --restore ID" keeps what is there aside, and the next run'
    " sends ours; --accept ID --reason TEXT takes it":
        '"hdh-migrate verify PLAN --again --restore ID" met de côté ce qui y est, et '
        "l'exécution suivante envoie le nôtre ; `--accept ID --reason TEXT` garde ce qui y est",
    "grant the credential that reads its right, or bring the object out of the archive, if that is"
    ' what is missing; then look again: "hdh-migrate verify PLAN --again"':
        "donner son droit à l'accès qui relit, ou sortir l'objet de l'archive, si c'est ce qui "
        'manque ; puis regarder de nouveau : "hdh-migrate verify PLAN --again"',
    "ask who deleted it at the source; when that was meant, @0":
        "demander qui l'a supprimé à la source ; si c'était voulu, @0",
    "undelete it at the source, or put it back there from a copy; then"
    ' "hdh-migrate run PLAN --refresh" moves it. Or @0':
        "annuler sa suppression à la source, ou l'y remettre d'après une copie ; puis "
        '"hdh-migrate run PLAN --refresh" le déplace. Ou bien @0',
    'look which of the two is right; "hdh-migrate decommission PLAN --batch NAME" never deletes'
    " what changed. What has other index tags alone goes once they are set back, by the same"
    " command":
        'voir lequel des deux est le bon ; "hdh-migrate decommission PLAN --batch NAME" ne '
        "supprime jamais ce qui a changé. Ce qui n'a que d'autres étiquettes d'index part, par la "
        "même commande, une fois qu'elles sont remises",
    'ask who deleted it; "hdh-migrate audit journal PLAN" tells what this tool did':
        "demander qui l'a supprimé ; "
        '"hdh-migrate audit journal PLAN" dit ce que cet outil a fait',
    'end its lease, snapshot or hold at the source; then give "hdh-migrate decommission PLAN'
    ' --batch NAME" again':
        "mettre fin à son bail, à son instantané ou à son blocage à la source ; puis redonner "
        '"hdh-migrate decommission PLAN --batch NAME"',
    'while nothing of the batch was deleted, "hdh-migrate verify PLAN --again" lets the next run'
    " send it anew, which takes a report and approvals of its own; afterwards put its version back,"
    ' or keep the source; then "hdh-migrate decommission PLAN --batch NAME" again':
        "tant que rien du lot n'a été supprimé, "
        '"hdh-migrate verify PLAN --again" permet à l\'exécution suivante de le renvoyer, ce qui '
        "demande un rapport et des approbations ; ensuite, remettre sa version, ou garder la "
        'source ; puis de nouveau "hdh-migrate decommission PLAN --batch NAME"',
    "find out who wrote at the target; while nothing of the batch was deleted,"
    ' "hdh-migrate verify PLAN --again" says how to settle it, which takes a report and approvals'
    " of its own; afterwards put its version back, or keep the source; then"
    ' "hdh-migrate decommission PLAN --batch NAME" again':
        "trouver qui a écrit sur la cible ; tant que rien du lot n'a été supprimé, "
        '"hdh-migrate verify PLAN --again" dit comment en décider, ce qui demande un rapport et '
        "des approbations ; ensuite, remettre sa version, ou garder la source ; puis de nouveau "
        '"hdh-migrate decommission PLAN --batch NAME"',
    "see that the target answers and the credential may read; then give"
    ' "hdh-migrate decommission PLAN --batch NAME" again':
        "faire que la cible réponde et que l'accès puisse lire ; puis redonner "
        '"hdh-migrate decommission PLAN --batch NAME"',
    'read it back with "hdh-migrate fetch PLAN DATASET KEY --out FILE" and compare; this tool keeps'
    " it at the source":
        'le relire avec "hdh-migrate fetch PLAN DATASET KEY --out FILE" et comparer ; cet outil le '
        "garde à la source",
    "make that version the current one again (remove what lies over it), or put it back from a"
    ' copy; then "hdh-migrate verify PLAN --again" says if it is right':
        "faire de nouveau de cette version la version courante (retirer ce qui la couvre), ou la "
        'remettre d\'après une copie ; puis "hdh-migrate verify PLAN --again" dit si elle est '
        "juste",
    "grant the source's credential the right to read tags before a run begins; now @0":
        "donner à l'accès à la source le droit de lire les étiquettes avant une exécution ; à "
        "présent @0",
    "grant the source's credential these rights before a run begins; now @0":
        "donner ces droits à l'accès à la source avant une exécution ; à présent @0",
    "freeze the source and compare; when nothing is missing, @0":
        "geler la source et comparer ; si rien ne manque, @0",
}  # fmt: skip

_COMMAND: Final = re.compile('(?:"|&#34;)(hdh-migrate .*?)(?:"|&#34;)|`(.*?)`')


def said_remedy(text: str) -> SaidRemedy | None:
    """Return what to say of a code of a finding; None: of a note, or of another version."""
    code = Code.known(text)
    if code is None or code.severity is not Severity.FINDING:
        return None
    remedy = code.about.remedy
    short = remedy.next
    for before in ("--code ", "finding."):  # elsewhere a code may be a word like any other
        short = re.sub(rf'{before}{code.value}(?=[" ])', f"{before}{{code}}", short)
    for number, (english, _) in enumerate(_OFTEN):
        short = short.replace(english, f"@{number}")
    french = _NEXT[short]
    for number, (_, said) in enumerate(_OFTEN):
        french = french.replace(f"@{number}", said)
    return SaidRemedy(
        safe=Text(_SAFE[remedy.safe], remedy.safe),
        next=Text(french.replace("{code}", code.value), remedy.next),
    )


def marked_commands(escaped: str) -> str:
    """Put commands and fields, in quotes so far, into elements; `escaped` is HTML already."""
    return _COMMAND.sub(lambda one: f"<code>{one[1] or one[2]}</code>", escaped)
