"""The words of the demo: a friendly community of one quarter of a town. Only data: `demo` makes rows of it.

People and threads are made up; so are the addresses, under a domain that is reserved for examples (RFC 2606).
"""

from collections.abc import Iterator
from dataclasses import dataclass

from myproject.users import constants as USER


@dataclass(frozen=True, kw_only=True)
class Person:
    """A member. `joined` is how many days ago; the mail address is made from the name where none is given."""

    name: str
    joined: float
    email: str = ""
    display_name: str = ""
    bio: str = ""
    website: str = ""
    role: USER.Role = USER.Role.USER
    status: USER.Status = USER.Status.ACTIVE


@dataclass(frozen=True)
class Said:
    """A comment and the answers to it, in the order in which they were given."""

    author: str
    body: str
    replies: tuple["Said", ...] = ()


@dataclass(frozen=True, kw_only=True)
class Written:
    """A post. `days` is how many days ago it was published, or last saved; `body` is indented as code is."""

    author: str
    days: float
    title: str
    tags: tuple[str, ...]
    body: str
    draft: bool = False
    edited: bool = False
    comments: tuple[Said, ...] = ()


def said(author: str, body: str, *replies: Said) -> Said:
    return Said(author, body, replies)


def walk(comments: tuple[Said, ...]) -> Iterator[Said]:
    """All comments of some trees, each before its answers."""
    for comment in comments:
        yield comment
        yield from walk(comment.replies)


PEOPLE = (
    Person(
        name="ada",
        joined=420,
        display_name="Ada Moreau",
        role=USER.Role.ADMIN,
        bio="""
            I keep the server under the stairs of the neighbourhood house. When the site is slow, it is me,
            trying something. When it is quick, that was the cat's idea.
        """,
        website="https://www.example.org/ada",
    ),
    Person(
        name="grace",
        joined=400,
        display_name="Grace Lindqvist",
        role=USER.Role.STAFF,
        bio="""
            I look after the **noticeboard**, the coffee and, if I must, the peace. Write to me before
            you are angry.
        """,
    ),
    Person(
        name="elif",
        joined=310,
        display_name="Elif Yıldız",
        bio="""
            Runs the bicycle bench at the repair café. Owns four bicycles:

            - one for the weather
            - one for the hills
            - one for the shopping
            - one that is *nearly* finished
        """,
    ),
    Person(
        name="nikos",
        joined=285,
        display_name="Νίκος Παπαδάκης",
        bio="""
            Cook, retired twice. I measure with my hands and then argue with the scales. Μαγειρεύω για
            δέκα, τρώμε δύο.
        """,
    ),
    Person(
        name="haruka",
        joined=260,
        display_name="はるか",
        bio="ベランダで野菜を育てています。 Eleven pots and one window sill. I draw what I grow.",
        website="https://www.example.org/balcony",
    ),
    Person(
        name="tomasz",
        joined=230,
        bio="Second-hand books, first-hand opinions. I host the reading circle, every other Tuesday.",
    ),
    Person(
        name="priya",
        joined=200,
        display_name="Priya R.",
        bio="""
            I write small programs for small places: `sqlite3`, a shell, and a good look at the
            problem first.
        """,
        website="https://www.example.org/~priya",
    ),
    Person(
        name="bram-de-groot",
        joined=170,
        display_name="Bram de Groot",
        bio="""
            Forty years of toasters, radios and lamps. If it has a plug I have probably had a shock
            from it.
        """,
    ),
    Person(
        name="josé",
        joined=120,
        email="jose@example.org",
        display_name="José",
        bio="Bread at night, accounts by day.",
    ),
    Person(
        name="best-bargains",
        joined=19,
        display_name="Best Bargains",
        status=USER.Status.INACTIVE,
        bio="Ask me about discounts.",
    ),
    Person(name="lena", joined=0.8, display_name="Lena", status=USER.Status.NEW),
)

WHY_INACTIVE = "Advertised in five threads, after two warnings"

POSTS = (
    Written(
        author="ada",
        days=46,
        title="Welcome: how this place works",
        tags=("community", "start-here"),
        edited=True,
        body="""
            This is the site of our quarter. It runs on one small machine, it belongs to nobody in particular,
            and it is for the things that used to hang on the noticeboard in the stairwell.

            ## What you can do here

            - **Read** everything, without an account.
            - **Write**: recipes, plans, questions, what you found, what you lost, what you mended.
            - **Answer**. Replies go to whoever you answer, by mail, so that a question from Monday is not
              lost by Friday.

            ## How to write

            Text is Markdown, which is less than it sounds: an empty line makes a paragraph, two stars make it
            **bold**, a `-` begins a list. There is a [short guide](https://commonmark.org/help/) with
            exercises, if you like exercises.

            Press *Preview* as often as you want. Nobody sees it but you.

            ## What happens to your text

            It stays yours. It is saved as you wrote it, and it is in the backup each night (I will write
            about that one day, when I have tried to restore one).
        """,
        comments=(
            said(
                "nikos",
                "I came to look for a ladder and now I have an account. Thank you, Ada. Good evening, everybody.",
                said("grace", "Good evening Νίκος. The ladder is in the bicycle cellar, behind the door."),
            ),
            said(
                "haruka",
                "Is it all right to write in Japanese now and then? 練習したい人がいるかもしれません。",
                said("ada", "Please do. Whoever can't read it may learn something."),
                said("josé", "Y en español también, supongo. I will put a line in English below."),
            ),
        ),
    ),
    Written(
        author="grace",
        days=45,
        title="House rules, in plain words",
        tags=("community", "start-here"),
        body="""
            1. Talk to each other as you would across a kitchen table.
            2. Say what is for sale and what is a gift. Nothing else is advertising, and advertising is
               nothing here.
            3. Ask before you write about somebody who is not here.
            4. When a moderator removes something, you are told why, and you may answer.

            That is all of them. There used to be eleven, and nobody knew the other seven.
        """,
        comments=(
            said("tomasz", "Rule five: return the books."),
            said(
                "bram-de-groot",
                "I remember the eleven. Number nine was about bicycles in the hall.",
                said("elif", "Number nine was about **my** bicycles in the hall."),
            ),
        ),
    ),
    Written(
        author="haruka",
        days=38.4,
        title="Tomatoes on a north-east balcony: a diary",
        tags=("gardening", "balcony"),
        body="""
            Everybody told me that a north-east balcony is for ferns. It gets four hours of sun in June and a
            lot of opinion. Here is what happened with three sorts, in ten-litre pots, same soil, same
            watering can.

            | Sort | Sown | First flower | First ripe | Fruits by August |
            |---|---|---|---|---:|
            | Small red cherry | 2 March | 20 May | 9 July | 143 |
            | Yellow pear | 2 March | 28 May | 22 July | 61 |
            | Oxheart | 9 March | 14 June | 24 August | 4 |

            ### What I would do again

            **Sow early, carry a lot.** From April on the pots went out in the morning and in again at night.
            It is good for the plants and for the shoulders.

            **Shake the flowers.** There are few bees on the fifth floor. An electric toothbrush, held to the
            stem at noon, is a good bee. My neighbour has stopped asking.

            **Water in the morning, the same amount each day.** The split fruits all came from the week when I
            forgot and then made up for it.

            ### What I would not

            The oxheart. Four fruits are a lovely number for paintings and a poor one for soup.

            > A plant does not know that it is on a balcony. It knows light, water, and whether you look at
            > it.

            My grandmother said this about radishes, but it holds.
        """,
        comments=(
            said(
                "elif",
                "143! Did you count them one by one, or did the plant tell you?",
                said(
                    "haruka",
                    "One by one, in a notebook, with a little drawing for every tenth.",
                    said(
                        "tomasz",
                        "I would like to see that notebook on the shelf of the reading circle.",
                        said("haruka", "It has soup on it. But yes."),
                    ),
                ),
            ),
            said(
                "nikos",
                "For the oxheart: fewer flowers. Take off all but four *early*, and you get four in July and"
                " not in"
                " August. You will still have four. But big.",
            ),
            said(
                "josé",
                "Which soil? The one from the market went hard as a brick in my pots.",
                said(
                    "haruka",
                    "Two parts compost of ours, one part coconut fibre, a handful of old coffee. Never the"
                    " soil of the"
                    " year before.",
                    said("josé", "Coffee I have."),
                ),
            ),
        ),
    ),
    Written(
        author="elif",
        days=36.2,
        title="Squeaky brakes: what I check before I replace anything",
        tags=("cycling", "repair-cafe", "how-to"),
        body="""
            Half of the brakes that come to my bench need a cloth and not a part. In this order:

            1. **Wipe the rim** (or the disc) with alcohol. Not with the spray that smells of lemons. That is
               oil.
            2. **Look at the pads.** Shiny means glazed: rub them on sandpaper, flat, until they are dull.
               Bits of metal in them: pick them out with a needle, they are your rim.
            3. **Toe-in.** The front edge of the pad should touch first, by about the thickness of a coin's
               edge. Put a folded bus ticket under the back end while you tighten the bolt.
            4. **Wiggle the arm.** If it has play, no pad in the world will be quiet.
            5. Only now: new pads.

            For discs leave out 3, and never touch the disc with your fingers. I mean it. *Never*.
        """,
        comments=(
            said(
                "josé",
                "The bus ticket! Mine has been quiet since Tuesday. People no longer turn round. I miss it a bit.",
            ),
            said(
                "bram-de-groot",
                "Works for the bread slicer too, mutatis mutandis.",
                said("elif", "I have a question about your bread slicer, and I am not sure I want the answer."),
            ),
            said(
                "grace",
                "Could you bring this on one page for the wall of the workshop? Large letters, please.",
            ),
        ),
    ),
    Written(
        author="bram-de-groot",
        days=34.1,
        title="Repair café on Saturday: who sits where, what to bring",
        tags=("repair-cafe", "events"),
        body="""
            Ten to two, in the big room. Coffee by Grace, cake by whoever brings one.

            | Bench | Who | Bring |
            |---|---|---|
            | Plugs and heat | Bram | the thing **and** its cord |
            | Bicycles | Elif | a clean chain, if you can |
            | Cloth | Haruka | thread in the right colour |
            | Wood and glue | Tomasz | patience, it must dry |
            | Screens | Priya | your password, in your head |

            We don't do microwave ovens. They keep their charge, and I keep my fingers.

            You repair *with* us; nobody leaves a thing and comes back at four. That is not strictness, it is
            the point.
        """,
        comments=(
            said("nikos", "I bring a walnut cake and a mixer that smells of fish."),
            said(
                "priya",
                "Can somebody lend me a lamp with a lens? I can no longer see the screws of telephones.",
                said("bram-de-groot", "You get mine. I can't see the telephones."),
            ),
        ),
    ),
    Written(
        author="nikos",
        days=33,
        title="Fasolada, as my grandmother would argue it",
        tags=("cooking", "recipes", "beans"),
        body="""
            There are two schools. One puts the tomato in at the start. The other one is right.

            **For six, or for two and the next day:**

            - 500 g small white beans, in water since last night
            - 3 carrots, 3 stalks of celery *with the leaves*, 2 onions
            - 400 g tomatoes, or a tin, nobody will know
            - 150 ml olive oil. Yes. All of it
            - a bay leaf, pepper; salt at the very end

            Boil the beans for ten minutes in fresh water and pour that water away. Fresh water again, two
            fingers over the beans, the vegetables in, lid on, as low as your stove can go. After an hour,
            when a bean gives way between tongue and palate, the tomatoes and the oil. Acid keeps the skin
            hard; that is the whole argument.

            Another half an hour. Turn it off. **Wait twenty minutes.** Salt.

            Serve it with olives, something pickled, and bread from José if he is speaking to us.
        """,
        comments=(
            said("josé", "He is speaking to you. How much bread?"),
            said(
                "grace",
                "My mother put the tomato in at the start, and a pinch of baking soda with the beans.",
                said(
                    "nikos",
                    "Then the soda did the work and the tomato took the credit.",
                    said(
                        "grace",
                        "I'll tell her you said so. She is ninety and walks with a stick. A long one.",
                    ),
                ),
            ),
            said(
                "haruka",
                "Made it with red beans because that is what there was. ごめんなさい. It was wonderful.",
            ),
        ),
    ),
    Written(
        author="priya",
        days=31.3,
        title="Forty lines that tell us which tools are late",
        tags=("software", "python", "tool-library"),
        body='''
            The tool library is a shelf, a notebook, and since last week a file that somebody types the
            notebook into. I wanted to know on Friday evening what is late, without opening a spreadsheet. So:

            ```python
            import csv
            import sys
            from datetime import date, timedelta

            LOAN = timedelta(days=14)


            def late(rows, today):
                """The rows of loans that are overdue, longest first."""
                due = [(date.fromisoformat(row["lent"]) + LOAN, row) for row in rows if not row["returned"]]
                return sorted((day, row) for day, row in due if day < today)


            with open(sys.argv[1], newline="", encoding="utf-8") as file:
                for day, row in late(csv.DictReader(file), date.today()):
                    print(f"{row['tool']:<24} {row['borrower']:<16} since {day:%d %B}")
            ```

            And a line in the crontab of the machine under the stairs:

            ```shell
            0 18 * * 5  python3 late.py loans.csv | mail -E -s "Tools that want home" board@example.org
            ```

            `-E` means no mail when there is nothing to say. It has been silent for one Friday out of five.

            There is a mistake in it. I will say where in a week; whoever finds it first gets the good
            screwdriver for a month.
        ''',
        comments=(
            said(
                "tomasz",
                "I don't program, but what happens if two tools are late since the same day?",
                said(
                    "priya",
                    "…you don't program? That is it. Two equal days, and `sorted` compares the rows, which"
                    " are"
                    " dictionaries, and those can't be compared. It ends with a `TypeError`.",
                    said(
                        "tomasz",
                        "So the good screwdriver is mine?",
                        said(
                            "bram-de-groot",
                            "Which one *is* the good screwdriver? I ask for the plugs-and-heat bench.",
                            said(
                                "priya",
                                "The one with the wooden handle. `sorted(..., key=lambda pair: pair[0])` and"
                                " it is yours,"
                                " Tomasz, until the 30th.",
                                said(
                                    "elif",
                                    "Until the 30th **included**? I ask because `day < today`, and then he"
                                    " is late only"
                                    " on the 31st.",
                                    said(
                                        "priya",
                                        "Included. Off by one on the kind side is a policy, not a mistake.",
                                        said(
                                            "tomasz",
                                            "I'll bring it back on the 31st, then, and see what comes by mail.",
                                        ),
                                    ),
                                    said(
                                        "bram-de-groot",
                                        "In my time we had a nail in the wall and a bit of chalk.",
                                    ),
                                ),
                            ),
                        ),
                    ),
                ),
            ),
            said(
                "ada",
                "Also: `date.today()` is the machine's day. Ours runs on UTC, and at six in the evening that"
                " is no matter,"
                " but at one in the morning it would be. See the [first page of the manual]"
                "(https://docs.python.org/3/library/datetime.html) about naive and aware.",
                said("priya", "Noted. I will not lend hammers after midnight."),
            ),
            said(
                "josé",
                "My brother-in-law has had the long level since spring. Your program is right. I am sorry.",
            ),
        ),
    ),
    Written(
        author="tomasz",
        days=30,
        title="Reading circle: three books for winter, please vote",
        tags=("books", "events"),
        body="""
            We meet every other Tuesday at half past seven, in the room with the good lamp. Three came out of
            the hat:

            | Book | Author | Pages | Somebody's reason |
            |---|---|---:|---|
            | *The Summer Book* | Tove Jansson | 170 | "Because it is winter" |
            | *Middlemarch* | George Eliot | 880 | "Because it is winter" |
            | *Invisible Cities* | Italo Calvino | 165 | "To quarrel about which one is ours" |

            Vote with a comment, one word is enough. If it is *Middlemarch* we read it in six parts and there
            will be soup.
        """,
        comments=(
            said("grace", "Summer."),
            said("nikos", "Middlemarch, and I make the soup."),
            said(
                "haruka",
                "Invisible Cities!",
                said("tomasz", "You drew them already, didn't you?"),
            ),
            said("elif", "Middlemarch. I have started it four times, so I know the first part well."),
            said("ada", "Middlemarch, for the soup."),
            said("priya", "Summer, with a vote for soup in any case."),
            said("tomasz", "*Middlemarch* by one, soup by all. First part is the first twelve chapters."),
        ),
    ),
    Written(
        author="josé",
        days=28.2,
        title="Sourdough for people who forget things",
        tags=("cooking", "bread", "recipes"),
        body="""
            All recipes want me at home at ten, at half past ten and at eleven. I am not. This one takes three
            moments a day, and each may slip by two hours.

            **Evening.** 80 g starter, 350 g water, 500 g flour (I take a fifth of rye). Stir with a spoon for
            as long as you have patience. Cover.

            **Before bed.** 10 g salt, a spoonful of water, fold it in with wet hands, four times round.
            Cover. Sleep.

            **Morning.** Shape it or don't. Into a floured bowl, into the refrigerator, go to work.

            **Next evening.** Oven as hot as it goes with a pot in it. Dough into the pot, one cut, lid on for
            25 minutes, lid off for 20.

            And for the starter: it lives in the cold and gets fed when I see it. It has survived a holiday of
            five weeks and a flat with a cat.
        """,
        comments=(
            said("nikos", "The pot! Forty years I threw water into the oven like a fireman."),
            said(
                "priya",
                "Mine is flat and sour as a lawyer. What did I do?",
                said(
                    "josé",
                    "Too warm at night. Colder water, or only 40 g of starter. What does the kitchen have at"
                    " six in the"
                    " morning?",
                    said("priya", "24 °C. There is a heating pipe behind the cupboard, it turns out."),
                    said("bram-de-groot", "There is, from 1961. I can tell you where the valve is."),
                ),
            ),
        ),
    ),
    Written(
        author="grace",
        days=27.1,
        title="The book box at the tram stop needs a new roof",
        tags=("community", "woodwork"),
        body="""
            It rained into the travel section. I have dried what can be dried on every radiator of the house.

            Has anybody a board, 60 by 45, and an afternoon?
        """,
        comments=(
            said("tomasz", "I have the afternoon, and a bad conscience, since it was I who built the old one."),
            said(
                "bram-de-groot",
                "I have the board. Let it stick out by three fingers, and cut a groove underneath, so that"
                " the drops fall"
                " off and don't creep in.",
                said("tomasz", "So *that* is what the groove on windowsills is for."),
            ),
            said("grace", "It is done, it is green, and it stayed dry in the storm. Thank you both!"),
        ),
    ),
    Written(
        author="haruka",
        days=26.3,
        title="Seed swap: what I have, what I look for",
        tags=("gardening", "seeds"),
        body="""
            Envelopes hang on the corkboard, take one and leave one.

            | I have | From | Note |
            |---|---|---|
            | Shiso, red | my balcony | wants light to sprout, don't cover it |
            | Mizuna | my balcony | sow until October |
            | Cherry tomato | fruit no. 12 | see the diary |
            | Calendula | in front of the school | sows itself, be warned |

            I look for: climbing beans with **black** seeds, any old lettuce, chives.
        """,
    ),
    Written(
        author="elif",
        days=24,
        title="Sunday ride: along the canal, 32 km, one hill, two cakes",
        tags=("cycling", "events"),
        body="""
            We start at nine at the tram stop, and again at ten past nine with those who come at nine.

            - **Way:** canal path to the second lock, over the hill with the water tower, back through the
              orchards. I drew it on [the map](https://www.openstreetmap.org/).
            - **Speed:** of the slowest, who is never left alone.
            - **Bring:** a tube that fits, something to drink, lights if there is fog.
            - **Cakes:** lock keeper's café at 14 km, and the farm with the geese at 25 km.

            > In the valley all bicycles are the same. On the hill they are, too, but one talks less.
        """,
        comments=(
            said(
                "ada",
                "Is it fine with a folding bike?",
                said(
                    "elif",
                    "It is fine with a folding bike, a cargo bike, and last time with a tandem of which half"
                    " had gone home.",
                ),
            ),
            said(
                "haruka",
                "How mean are the geese?",
                said("josé", "They know what they want. Hold on to your cake."),
            ),
            said("nikos", "I wait at the farm, with the car, for the bicycles and the people who are done."),
        ),
    ),
    Written(
        author="priya",
        days=22.5,
        title="The seed box as a table: three questions in SQL",
        tags=("software", "sql", "seeds"),
        body="""
            Haruka's box has 212 envelopes now, and I was allowed to type them in. One table is enough:

            ```sql
            CREATE TABLE seeds (
                id        INTEGER PRIMARY KEY,
                plant     TEXT NOT NULL,
                harvested INTEGER NOT NULL,      -- the year
                lasts     INTEGER NOT NULL,      -- years they sprout well
                sow_from  INTEGER NOT NULL CHECK (sow_from BETWEEN 1 AND 12),
                sow_until INTEGER NOT NULL CHECK (sow_until BETWEEN 1 AND 12)
            );
            ```

            **What can I sow this month?** Mind those that go over the new year, garlic for one:

            ```sql
            SELECT plant
            FROM seeds
            WHERE CASE WHEN sow_from <= sow_until
                       THEN :month BETWEEN sow_from AND sow_until
                       ELSE :month >= sow_from OR :month <= sow_until END
            ORDER BY plant;
            ```

            **What should we use up first?**

            ```sql
            SELECT plant, harvested + lasts - :year AS years_left
            FROM seeds
            WHERE harvested + lasts - :year <= 1
            ORDER BY years_left, plant;
            ```

            **Of what do we have too much?** `GROUP BY plant HAVING count(*) > 3`, and the answer is:
            courgettes. The answer is always courgettes.
        """,
        comments=(
            said("haruka", "なるほど! The envelopes of 2019 go to the school, they want to count what sprouts."),
            said(
                "nikos",
                "Too many courgettes is a question of recipes, not of tables.",
                said(
                    "priya",
                    "`SELECT recipe FROM nikos WHERE courgettes > 3`?",
                    said("nikos", "Forty-one rows."),
                ),
            ),
        ),
    ),
    Written(
        author="bram-de-groot",
        days=21,
        title="The toaster that taught me about two metals",
        tags=("repair-cafe", "stories"),
        body="""
            A lady from number 14 brought a toaster that burned everything on Mondays and nothing on
            Saturdays. She was sure of the days. I was sure that toasters don't know them.

            ### What is inside

            In the old ones there is a strip of two metals, riveted on each other. One grows more with heat
            than the other, so the strip bends, and when it has bent far enough it lets go of the latch. That
            is all the intelligence there is. The knob, from 1 to 6, only moves the latch nearer or farther.

            ### What it was

            On Mondays she toasts the last of the old bread: thin slices, dry. On Saturdays it is fresh. Dry
            bread has no water to boil away, so it goes from pale to black in the time that the strip takes to
            notice. The toaster was well. It measured *itself* and not the bread; they all do.

            I cleaned out a spoonful of crumbs, bent the strip by the width of a hair, and wrote on the knob,
            with a fine pen, **Mo** at the 2 and **Sa** at the 4.

            She is satisfied. I have thought about it since. How many things do I own that measure themselves
            and not the bread?
        """,
        comments=(
            said("tomasz", "This is the best short story we've had since the one about the lift."),
            said(
                "ada",
                "Our heating! The thermostat hangs next to the oven of the kitchen.",
                said(
                    "bram-de-groot",
                    "I know. I hung it there in 1988, the oven came later.",
                    said("ada", "I take back what I wrote to the housing company."),
                ),
            ),
            said("josé", "I measure bread, and it's no easier."),
        ),
    ),
    Written(
        author="nikos",
        days=20.2,
        title="At the Wednesday market this week",
        tags=("cooking", "market"),
        body="""
            Leeks, thick as a wrist and cheap. Quinces, a few, behind the potatoes: ask. The good lentils are
            back. No fish, because of the wind.
        """,
    ),
    Written(
        author="ada",
        days=19,
        title="Backups, and the day we tried one",
        tags=("software", "server", "community"),
        body="""
            A backup that nobody has restored is a hope with a date on it. On Sunday we tried. Here is what is
            saved each night at three, and by what:

            ```shell
            #!/bin/sh
            set -eu
            today=$(date +%F)
            sqlite3 /srv/site/site.sqlite ".backup '/srv/backup/$today.sqlite'"
            sqlite3 "/srv/backup/$today.sqlite" "PRAGMA integrity_check" | grep -qx ok
            find /srv/backup -name '*.sqlite' -mtime +30 -delete
            ```

            Copying the file with `cp` while the site runs would mostly work, which is the worst kind of
            working. The [backup command](https://www.sqlite.org/backup.html) takes a whole picture, also
            while somebody writes.

            **What went well:** it took four minutes, on a laptop, with everything there, down to a comment
            from ten to three.

            **What did not:** the secret key was *not* in the backup, so everybody would have been signed out,
            and no password would have been right. It is now, in a separate place, because who has both has
            everything.

            **What I learned:** try it with somebody else at the keyboard and your hands in your pockets.
        """,
        comments=(
            said(
                "priya",
                "I was the somebody else. Her hands were *not* in her pockets.",
                said("ada", "For the first three minutes they were."),
            ),
            said(
                "elif",
                "Where is the second place? If it's in the same house, one burst pipe is enough.",
                said(
                    "ada",
                    "At Grace's, in the tin with the sewing things. Encrypted, so the buttons can't read it.",
                    said("grace", "The buttons are asking."),
                ),
            ),
        ),
    ),
    Written(
        author="tomasz",
        days=18.1,
        title="Finished: a slow book about moss",
        tags=("books", "nature"),
        body="""
            *Gathering Moss*, by Robin Wall Kimmerer. Two hundred pages, and I walked the way to the tram with
            my eyes on the wall for a week after.

            What stays with me is how little it takes: a crack, some shade, the water of one night. And that
            there is a scale at which a brick is a landscape. We have at least five kinds on the wall of the
            school, if you count like a beginner, as I do.

            The copy is in the green box now. I've left a lens in it, as a bookmark. Leave it there, please.
        """,
        comments=(
            said("haruka", "Seven kinds. I drew them. Shall we go together with the lens?"),
            said("grace", "The one on the north side of the bins looks like a small forest of stars."),
        ),
    ),
    Written(
        author="josé",
        days=16.4,
        title="Does anybody own a cherry pitter?",
        tags=("cooking", "tool-library"),
        body="""
            Nine kilos. Since this morning. Help.
        """,
        comments=(
            said("nikos", "A hairpin, pushed into a cork. Two hours, a podcast."),
            said(
                "bram-de-groot",
                "I have the one with the crank, of 1934. It throws.",
                said(
                    "josé",
                    "What does it throw?",
                    said("bram-de-groot", "The stones. Wear glasses."),
                ),
            ),
            said("grace", "Nine kilos! Then I'm bringing jars and not advice."),
        ),
    ),
    Written(
        author="elif",
        days=15,
        title="Lights: what the numbers on the box mean",
        tags=("cycling", "how-to"),
        body="""
            It gets dark at five again. Before you buy:

            | On the box | It means | Enough for town |
            |---|---|---:|
            | lumen | all the light, in every direction | don't care |
            | lux | what arrives on the road, 10 m ahead | 30 |
            | candela | how strong in the best direction | don't care |
            | mAh | how much is in the battery | 2,000 |

            Aim it so that the bright edge meets the road two bicycle lengths ahead. If people coming towards
            you screw up their eyes, it is too high, no matter what the box says.

            The rear one should be steady and not flash. To flash says "here"; steady says "here, and *this
            far away*".
        """,
        comments=(
            said("priya", "Mine blinks SOS in the rain. I think that it means it."),
            said(
                "best-bargains",
                "I can get you every light on this list at half the price, today only!",
                said("grace", "That was the fifth one. Rule two; I've closed the account."),
            ),
        ),
    ),
    Written(
        author="haruka",
        days=14.2,
        title="Slugs",
        tags=("gardening",),
        body="""
            On the fifth floor. **How?**
        """,
        comments=(
            said("bram-de-groot", "By lift."),
            said(
                "nikos",
                "With the salad. They sit in the roots of what you buy at the market.",
                said(
                    "haruka",
                    "So I carried them up myself.",
                    said("nikos", "In a bag, like guests."),
                ),
            ),
            said("elif", "Copper tape round the pots. I have half a roll from a project we don't talk about."),
            said("tomasz", "There's a lovely essay on them in the green box, under N for Neighbours."),
        ),
    ),
    Written(
        author="grace",
        days=12.3,
        title="Small wins of the week: one line each",
        tags=("community", "off-topic"),
        body="""
            No occasion. It was a grey week, and I'd like to read sixty small good things before Sunday. One
            line, as small as you like. I begin: I found the second glove.
        """,
        comments=(
            said("ada", "The machine under the stairs has been up for two hundred days."),
            said("josé", "Ear on the loaf. A real one. I took a photograph of bread."),
            said("priya", "Deleted more lines than I wrote, three days running."),
            said(
                "elif",
                "Somebody said thank you at a crossing.",
                said("tomasz", "That was me, I think. It was a good stop."),
            ),
            said("haruka", "朝顔が咲いた。 A morning glory, in *this* month."),
            said("nikos", "My grandson ate a lentil."),
            said(
                "bram-de-groot",
                "Fixed a radio by looking at it.",
                said("priya", "How long did you look?", said("bram-de-groot", "An evening. It was afraid.")),
            ),
            said("tomasz", "Sold nothing, read everything."),
            said("grace", "Somebody watered the plants in the stairwell. It wasn't me."),
            said("haruka", "It was me."),
            said("ada", "Nobody called on Sunday."),
            said("josé", "The tax form had one page fewer than last year."),
            said("elif", "A chain that came clean in one go."),
            said("nikos", "The quinces are soft."),
            said("priya", "A test failed, and it was right."),
            said("tomasz", "Got a letter. On paper! With a stamp!"),
            said(
                "bram-de-groot",
                "The neighbour's dog has decided that I'm all right.",
                said("grace", "He decided that about the postman, too. Keep an eye on your trousers."),
            ),
            said("grace", "Coffee for forty, and it was enough."),
            said("haruka", "A blackbird bathes in the saucer of pot number six."),
            said("ada", "I understood the error message at first reading."),
            said("elif", "All green lights from the bridge to the market. All of them. In the rain, but still."),
            said("josé", "Found twenty in the winter coat."),
            said("nikos", "I gave away six jars and got back eight."),
            said("priya", "Slept."),
            said("tomasz", "The library has forgiven a fine from 2007."),
            said("bram-de-groot", "The drill was where I'd put it."),
            said(
                "grace",
                "My mother beat Νίκος at cards.",
                said("nikos", "She has marked the cards. With the stick."),
                said("grace", "She says that you should look at your own hands more, and less at hers."),
            ),
            said("haruka", "Painted a leek, then ate the model."),
            said(
                "ada",
                "Cleared out the cupboard with the cables. Kept four.",
                said(
                    "bram-de-groot",
                    "Where are the others? I ask in sorrow.",
                    said("ada", "In a box with your name on it."),
                ),
            ),
            said("elif", "No puncture since spring (touching wood, rubber and everything else)."),
            said("josé", "The cat came back by herself."),
            said("nikos", "New glasses: I can see the beans again, each one."),
            said("priya", "Someone used my little program and didn't need to ask how."),
            said("tomasz", "A child in the book box asked me whether I had *all* the dragons."),
            said(
                "bram-de-groot",
                "I had all the dragons, in the cellar, from my daughter. They're in the box now.",
            ),
            said("grace", "This is going well. Keep on!"),
            said("haruka", "Fresh tatami smell in a parcel from home. I only kept the paper."),
            said("elif", "Taught my father to mend a tube by telephone."),
            said("josé", "Danced in the kitchen. Alone, but well."),
            said("ada", "The bulb in the cellar is changed, and I know who it was. Thank you."),
            said("nikos", "Cooked for two, and it *was* for two."),
            said("priya", "Backspace works again after I took a crumb out. Sesame."),
            said(
                "tomasz",
                "Page 400 of Middlemarch.",
                said("elif", "Page 212, and happy there."),
                said("ada", "I'm only here for the soup."),
            ),
            said("bram-de-groot", "Nothing hurts today."),
            said("grace", "Sixty, nearly. I have read each one aloud to my mother. Good night, all of you."),
        ),
    ),
    Written(
        author="priya",
        days=11.2,
        title="Reading the heat meter with a very small computer",
        tags=("software", "python", "energy"),
        body="""
            The meter in the cellar blinks once for every kilowatt-hour. A light sensor, a resistor, and the
            smallest computer in my drawer can count that:

            ```python
            from pathlib import Path
            from time import monotonic, sleep

            LIGHT = 600          # above this it blinks; the cellar lamp gives about 350
            TOTAL = Path("kwh.txt")


            def blinks(read, pause=0.02):
                # Gives the time of each blink, once: when it gets bright, not while it is.
                was_bright = False
                while True:
                    bright = read() > LIGHT
                    if bright and not was_bright:
                        yield monotonic()
                    was_bright = bright
                    sleep(pause)


            def count(read):
                total = int(TOTAL.read_text()) if TOTAL.exists() else 0
                for _ in blinks(read):
                    total += 1
                    TOTAL.write_text(str(total))
            ```

            Configuration, for those who want to build one:

            ```yaml
            sensor:
              pin: 26
              every_ms: 20
            upload:
              to: shelf
              at: "23:55"
            ```

            First result after ten days: at night, when everybody sleeps and all windows are shut, the house
            takes **two thirds** of what it takes by day. Something runs that need not.
        """,
        comments=(
            said(
                "bram-de-groot",
                "The circulation pump. It has three speeds and it stands on three, because of the winter of 1996.",
                said(
                    "priya",
                    "Can we set it to one, for a week, and count?",
                    said(
                        "bram-de-groot",
                        "On Friday, when I have told number 9, who is always cold.",
                        said("grace", "I'll knit."),
                    ),
                ),
            ),
            said(
                "ada",
                "`write_text` on every blink: the card will be worn out by spring. Once an hour is plenty.",
            ),
        ),
    ),
    Written(
        author="bram-de-groot",
        days=10,
        title="Sharpening day in the shed",
        tags=("repair-cafe", "events", "tool-library"),
        body="""
            Saturday at ten. Knives, scissors, planes, hoes. Wrap them in newspaper and write your name **on
            the newspaper**, as last time there were nine identical bread knives and one marriage at risk.

            A sharp knife is the safe one. It goes where you send it.
        """,
    ),
    Written(
        author="nikos",
        days=9.3,
        title="Lemons, salt, patience",
        tags=("cooking", "recipes"),
        body="""
            A jar, boiled. As many lemons as go in when you think that no more go in. For each lemon a
            spoonful of coarse salt.

            Cut them crosswise, but not all the way through, so that they hang together like a book. Salt
            between the pages. Press them into the jar until they stand in their own juice; what is missing is
            juice from another lemon, never water.

            Turn the jar over each morning when you put the coffee on. After a month the skin is soft and
            clear. You eat the *skin*, rinsed, in thin strips: on fish, on beans, in rice, on bread when
            nobody looks.

            That is the recipe. It has three ingredients, and people always forget the third.
        """,
        comments=(
            said("haruka", "It's like 梅干し, with other fruit and the same patience."),
            said(
                "tomasz",
                "Does it keep?",
                said("nikos", "A year. In theory. I've never seen one reach it."),
            ),
        ),
    ),
    Written(
        author="tomasz",
        days=7.4,
        title="Notes in the margin: in pencil, or never?",
        tags=("books", "off-topic"),
        body="""
            Somebody has written *No!!* beside a paragraph on page 96 of the circle's copy. In ink. I won't
            ask who.

            But I'd like to ask what you think: is a note in the margin a gift to the next reader, or a foot
            in their door? I've found tram tickets, a pressed violet, and once a whole recipe for plum jam,
            and was glad of each. And still I rub out my own before I lend a book.
        """,
        comments=(
            said(
                "grace",
                "It was me. Page 96 deserved it.",
                said(
                    "tomasz",
                    "I thought that it was a moderator's hand.",
                    said(
                        "grace",
                        "The rule broken was: *don't explain the joke*.",
                        said(
                            "elif",
                            "Can she appeal?",
                            said(
                                "tomasz",
                                "She died in 1880.",
                                said("grace", "Then the time limit has passed."),
                            ),
                        ),
                    ),
                ),
            ),
            said("priya", "Pencil. Comments should be easy to delete."),
            said(
                "bram-de-groot",
                "My wiring diagrams have notes from three owners. Without them I'd be dead twice.",
            ),
            said("haruka", "I draw very small snails at the places where I was tired."),
        ),
    ),
    Written(
        author="josé",
        days=6.1,
        title="Old bread: four things before the bin",
        tags=("cooking", "bread"),
        body="""
            In the order of how old it is:

            1. **One day:** toast, and no more to say. (For Mondays see Bram's toaster.)
            2. **Two days:** *pan con tomate*. Rub it with garlic, then with half a tomato until only skin is
               left, oil, salt.
            3. **Three or four:** cubes, into a pan with oil and rosemary, into a jar. They keep for two
               weeks, if hidden.
            4. **Like stone:** grate it. Toasted crumbs with anchovy and lemon on spaghetti, what the poor ate
               who had no cheese, and what I eat who has.

            Mould is the bin. Don't cut round it; it has roots.
        """,
        comments=(
            said("nikos", "Five: into the bean soup, under the beans, and say nothing."),
            said("elif", "Six: in the back pocket, at kilometre 60. It's no longer old then."),
        ),
    ),
    Written(
        author="elif",
        days=5.2,
        title="A confession about tyres without tubes",
        tags=("cycling", "stories"),
        body="""
            For three years I've told everybody at the bench to stay with tubes. On Saturday I put tubeless
            tyres on the bicycle for the hills, with the milk in them and everything.

            It took two hours, a compressor, a bath and a bad word in three languages. The ceiling of the
            workshop has white dots now. They'll stay, as a warning.

            And then I rode through the hedge cuttings by the cemetery. Four thorns, I counted. A hiss, a
            hiss, a hiss, and on we went.

            I'm not saying that I was wrong. I say that I'm *quiet* for a while.
        """,
        comments=(
            said("bram-de-groot", "I'd wondered about the ceiling."),
            said(
                "josé",
                "What do you do when the hole's too big for the milk?",
                said("elif", "You put a tube in.", said("josé", "I see.", said("elif", "Quiet, I said."))),
            ),
        ),
    ),
    Written(
        author="haruka",
        days=4.1,
        title="Compost in a flat: bokashi, month three",
        tags=("gardening", "balcony", "how-to"),
        edited=True,
        body="""
            Two buckets with a tap, under the sink. Kitchen waste in, a spoon of bran with the good bacteria
            on top, press out the air with a plate, lid on. When one is full it rests for two weeks, while the
            other one fills.

            - *Does it smell?* Of pickles, and only when it is open.
            - *What comes out of the tap?* A brown juice. One part to a hundred of water for the plants, or
              pure into the drain that is slow.
            - *And then?* It isn't soil yet. It goes into a box with old earth, half and half, and four weeks
              later I can't find a thing in it but one avocado stone.

            Bran, made at home: 1 kg bran, 15 ml molasses, 15 ml of the bacteria, 300 ml warm water. Knead,
            close it without air, wait two weeks, dry it. It costs a tenth of the bought one.

            What I got wrong in month one: too wet. A sheet of newspaper at the bottom, and it was over.
        """,
        comments=(
            said(
                "nikos",
                "What may go in? Lemons, bones, the fish of Friday?",
                said("haruka", "All of it, even cooked. Lemon just a little. Bones stay bones."),
            ),
            said(
                "ada",
                "May I put a bucket beside the server? It's warm there, all winter.",
                said("priya", "I'd like to see that in the monitoring: temperature, disk, pickles."),
            ),
        ),
    ),
    Written(
        author="ada",
        days=2.2,
        title="Away on Thursday from nine to half past nine",
        tags=("server", "community"),
        body="""
            The machine gets a new disk. If you read this and it is quarter past nine on Thursday: it works
            again, and I was too quick.
        """,
    ),
    Written(
        author="priya",
        days=1.4,
        title="Show your smallest useful program",
        tags=("software", "off-topic"),
        body="""
            Mine, in the shell. It finds the file that I was working on when I was called to dinner:

            ```shell
            ls -t ~/notes | head -n 1
            ```

            Rules: it does something for you every week, and it fits on a postcard. Spreadsheets count. So do
            knots.
        """,
        comments=(
            said(
                "ada",
                """
                Which of our tables is the fat one:

                ```sql
                SELECT name, sum(pgsize) / 1024 AS kib
                FROM dbstat
                GROUP BY name
                ORDER BY kib DESC
                LIMIT 5;
                ```
                """,
                said("priya", "On a postcard, with room for a greeting. Full marks."),
            ),
            said(
                "josé",
                "`=flour*0.7` in cell B2.",
                said(
                    "nikos",
                    "Zero point seven! For rye?",
                    said(
                        "josé",
                        "For rye it's `=flour*0.8`, in C2, with a *yellow* background.",
                        said("priya", "A type system."),
                    ),
                ),
            ),
            said(
                "tomasz",
                """
                Somebody helped me with this one. It picks what I read next, and I may say no twice:

                ```python
                import random

                shelf = open("unread.txt", encoding="utf-8").read().splitlines()
                print("\\n".join(random.sample(shelf, k=3)))
                ```
                """,
            ),
            said("elif", "The bowline. Once a day, no updates since the Phoenicians."),
        ),
    ),
    Written(
        author="grace",
        days=0.3,
        title="Long table on Friday: who brings what?",
        tags=("events", "cooking", "community"),
        body="""
            Seven o'clock, in the yard if it's dry, in the big room if not. I've plates for fifty and chairs
            for thirty-eight.

            Write below what you bring, so that we don't have nine potato salads as in the year of the potato
            salads:

            - [soup] Νίκος, as if I'd had to ask
            - [bread] José
            - [sweet] ...
            - [chairs] twelve!
        """,
        comments=(
            said("haruka", "Pickles, of three kinds, and two chairs."),
            said("bram-de-groot", "Six folding chairs, and a seventh which I have to glue. And a potato salad."),
            said("elif", "I fetch things with the cargo bike. Tell me what, and from where."),
        ),
    ),
    Written(
        author="priya",
        days=8,
        title="A map of every bench in the quarter",
        tags=("software", "maps"),
        draft=True,
        body="""
            There are 61 of them, and I have sat on 34. What should the map know about each one?

            - shade at noon, yes or no
            - a back to lean on
            - what one looks at

            TODO: ask Grace which ones the older people need, before I choose colours.
        """,
    ),
    Written(
        author="priya",
        days=3.5,
        title="Notes for a talk: a spreadsheet is a program",
        tags=("software", "events"),
        draft=True,
        body="""
            > Nobody told them that it was programming, so they just did it.

            1. José's bread sheet: types by colour
            2. What a cell *is*: a function without arguments, with a very good debugger
            3. Where it ends: the day when there are two copies
        """,
    ),
)
