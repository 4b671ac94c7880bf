"""What generate.py --check lets pass between two machines, and what it does not."""

import unittest

import generate


def document(expected=0.25, dtype="float64", tolerance=1e-11, rate=0.1):
    return {"cases": [{"dtype": dtype, "lr": rate, "expected": {"60": [[expected]]},
                       "tolerance": tolerance}]}


def difference(found, wanted):
    return generate.first_difference(found, wanted, "file")


class Check(unittest.TestCase):
    def test_allows_expected_numbers_what_their_case_allows(self):
        self.assertIsNone(difference(document(0.25 + 8e-12), document(0.25)))
        self.assertIn("expected.60[0][0]", difference(document(0.25 + 2e-11), document(0.25)))
        self.assertIsNone(difference(document(0.25 + 8e-6, tolerance=1e-5),
                                     document(0.25, tolerance=1e-5)))

    def test_does_not_take_the_tolerance_of_computations_in_few_bits(self):
        few = {"dtype": "bfloat16", "tolerance": 0.05}
        self.assertIn("expected", difference(document(0.25 + 1e-9, **few), document(0.25, **few)))

    def test_allows_other_numbers_rounding_only(self):
        self.assertIsNone(difference(document(rate=0.1 + 1e-13), document(rate=0.1)))
        self.assertIn("lr", difference(document(rate=0.1 + 8e-12), document(rate=0.1)))

    def test_names_what_is_missing(self):
        self.assertIn("keys", difference({"cases": []}, {}))
        self.assertIn("1 entries", difference(document(), {"cases": []}))


if __name__ == "__main__":
    unittest.main()
