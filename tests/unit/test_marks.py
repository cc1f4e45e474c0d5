from myproject.web.marks import Marked


def test_mark_is_replaced_by_what_its_function_makes_of_its_values() -> None:
    marked = Marked("<p>a<!--like 7 ada--></p><!--tools--><p>b<!--like 8 bo--></p>")
    filled = marked.fill({"like": lambda number, author: f"[{number} by {author}]", "tools": lambda: "<hr>"})
    assert filled == b"<p>a[7 by ada]</p><hr><p>b[8 by bo]</p>"


def test_mark_without_a_function_leaves_nothing() -> None:
    assert Marked("a<!--edit post 1 2-->b<!--tools-->").fill({"tools": lambda: "!"}) == b"ab!"


def test_text_is_filled_for_each_reader_anew() -> None:
    marked = Marked("<!--like 1-->")
    assert marked.fill({"like": lambda number: number}) == b"1"
    assert marked.fill() == b""


def test_values_come_in_the_order_of_the_marks() -> None:
    marked = Marked("<!--like 3 a--><!--part--><!--like 1 b-->")
    assert marked.values("like") == [["3", "a"], ["1", "b"]]
    assert marked.values("part") == [[]]
    assert marked.values("new") == []
    assert marked.values_of("new", "part", "like") == [("like", ["3", "a"]), ("part", []), ("like", ["1", "b"])]
