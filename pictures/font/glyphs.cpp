// Written by bake_glyphs.py; the licence of the outlines is in LICENSE-DejaVu.
#include <descent/pictures/font/glyphs.h>

namespace descent::pictures {

// clang-format off
const std::array<GlyphText, 276> kGlyphs = {{
  {0x20, 326,
   ""},
  {0x21, 410,
   "MYQX-La0X-La0W0LYQW0ZMYQhgLa0hgLa0cZLZsZmLYbZmLYQcZZ"},
  {0x22, 471,
   "MYuhgLYudLLXYdLLXYhgZMbqhgLbqdLLaWdLLaWhgZ"},
  {0x23, 858,
   "MeCd2Lbwd2LbGaSLdYaSZMd0hVLcCeGLeUeGLfJhVLgZhVLfmeGLiCeGLiCd2LfSd2LepaSLhIaSLhIZFLeW"
   "ZFLdiW0LcSW0LdFZFLayZFLa9W0LYuW0LZiZFLXFZFLXFaSLZ-aSLafd2LY8d2LY8eGLayeGLbmhVZ"},
  {0x24, 652,
   "MbQTgLaeTgLaeW0QZpW1Y+WCQYAWOXLWkLXLY8QY8XeYyXOQZmX8aeX7LaeahQYwazY7beQXLcJXLdUQXLem"
   "YCfUQZ2gEaegKLaeiALbQiALbQgMQc8gKcqgCQdWg4e9ftLe9eWQdWeqcqf0Qc8fCbQfELbQbuQdCbce1awQ"
   "esaCesY+QesXgd+WvQd5W8bQW1ZMaec1LaefEQZkf8ZGejQYneIYndcQYncyZDcaQZgcCaec1ZMbQaXLbQX8"
   "QcQXHcwXiQdQY8dQYrQdQZXcxZxQcSaLbQaXZ"},
  {0x25, 973,
   "Mheb8Qgzb8gaaaQgCZ+gCYyQgCXygaXMQgzWnheWnQiJWniiXMQj4Xyj4YyQj4Z+iiaZQiJb8heb8ZMhec8Q"
   "iuc8jcbHQkKaQkKYyQkKXVjcWeQitVoheVoQgOVofgWeQeyXVeyYyQeyaQfgbHQgPc8hec8ZMZaguQYwguYX"
   "gJQY8fkY8ejQY8dhYWd6QYvcXZacXQaGcXafd6Qb2dhb2ejQb2fkaegJQaGguZaguZMgehuLhuhuLabVoLZL"
   "VoZMZahuQaqhubYh1QcIgAcIejQcIdEbZcOQaqbYZabYQYLbYXdcOQWudFWuejQWugAXdh1QYMhuZahuZ"},
  {0x26, 798,
   "MZvcIQZCbfYsb1QYXaOYXZiQYXYaZMXpQaBX2bRX2QcAX2cqXIQdUXYe2Y2ZMb0dALe+Z6QfRZofiabQfybO"
   "f-cGLhScGQhMbEgyaEQgYZEfqYELh-W0Lg1W0LewXAQe6WTdCW7QcKVobIVoQZQVoYDWsQX0XxX0ZcQX0acX"
   "YbVQY4cNZ6d8QYkdeYYe7QYMecYMf4QYMgMZDh7Qa4hubWhuQcAhucphlQdShce7hKLe7fvQdSgGcqgTQcCg"
   "fbggfQasgfaLgDQZqfoZqf6QZqeia3eIQaIdub0dAZ"},
  {0x27, 282,
   "MYuhgLYudLLXYdLLXYhgZ"},
  {0x28, 400,
   "Ma+i9QZwgMZQecQYwcrYwb2QYwZEZQXTQZxVia+TvLZkTvQYYVkXzXWQXOZIXOb2QXOcnXzeYQYYgJZki9Z"},
  {0x29, 400,
   "MXIi9LYYi9QZjgJaIeYQaucnaub2QauZIaIXWQZjVkYYTvLXITvQYKViYrXTQZMZEZMb2QZMcrYrecQYKgMX"
   "Ii9Z"},
  {0x2a, 512,
   "MdYfmLakeELdYcjLd4byLaSdYLaSabLZaabLZadYLWybyLWUcjLZIeELWUfmLWygXLZaeyLZahuLaShuLaSe"
   "yLd4gXZ"},
  {0x2b, 858,
   "MdNg2LdNbiLhkbiLhkaMLdNaMLdNW0Lc3W0Lc3aMLXiaMLXibiLc3biLc3g2Z"},
  {0x2c, 326,
   "MXuX-LZYX-LZYWfLYGU9LXFU9LXuWfZ"},
  {0x2d, 370,
   "MWob2Lb0b2Lb0ZmLWoZmZ"},
  {0x2e, 326,
   "MXkX-LZNX-LZNW0LXkW0Z"},
  {0x2f, 345,
   "Ma4hgLbPhgLXLUXLW0UXZ"},
  {0x30, 652,
   "Mb6geQZugeZGfRQYfeEYfbqQYfZRZGYEQZuX2b6X2QcKX2cxYEQdYZRdYbqQdYeEcxfRQcKgeb6geZMb6huQ"
   "d3hue5gLQf8eof8bqQf8Yue5XLQd3Vob6VoQZ8VoY6XLQX4YuX4bqQX4eoY6gLQZ8hub6huZ"},
  {0x31, 652,
   "MX-XLLaaXLLaagELXmfgLXmh6LaZhgLc8hgLc8XLLejXLLejW0LX-W0Z"},
  {0x32, 652,
   "MZ4XLLebXLLebW0LXBW0LXBXLQY4YGZeZrQbBbPbabsQcLcicedIQcyducyeSQcyfOcIf+QbegZabgZQZsgZ"
   "Z1gIQYCg2XGfWLXGh6QYDhVZ2hiQZthuaZhuQcNhudSg+QeXg4eXeZQeXdreGdCQd+cYdHbgQd4bSc2aNQa+"
   "ZIZ4XLZ"},
  {0x33, 652,
   "McWcIQdec3eHbIQewaXewZPQewXgdkWkQcYVoaMVoQZcVoYrVxQY3W4XEWMLXEXuQXuXWYgXJQZSX6aIX6Qb"
   "oX6cZXiQdLYIdLZPQdLaRcdb0QbubcacbcLZFbcLZFcuLagcuQbqcucSdMQd4dqd4eiQd4fccRg4QbogZacg"
   "ZQZygZZDgQQYUgHXaf+LXahOQYUheZGhmQa2hualhuQcYhudbh4QeegGeeesQeedue4dEQdXcZcWcIZ"},
  {0x34, 652,
   "Mc3gILY4a4Lc3a4ZMbehgLdehgLdea4LfIa4LfIYmLdeYmLdeW0Lc3W0Lc3YmLWoYmLWoaIZ"},
  {0x35, 652,
   "MXkhgLdxhgLdxgMLZBgMLZBdUQZXdcZtdgQaDdkaZdkQcWdkdfcfQeobaeoZmQeoXtddWqQcSVoaKVoQZaVo"
   "YqVwQY3W2XFWILXFXtQXyXUYiXIQZSX6aIX6QbeX6cQXqQdDYYdDZmQdDa+cQbhQbecOaIcOQZfcOZ1cGQYO"
   "c6XkbqZ"},
  {0x36, 652,
   "MbIcUQaEcUZcblQY+b0Y+ZmQY+YVZcXmQaEX2bIX2QcMX2c+XmQdcYVdcZmQdcb0c+blQcMcUbIcUZMeQhQL"
   "eQf+QdqgGdEgQQcdgZc1gZQaTgZZefWQYqeSYicKQZAc-ZsdMQaYdkbOdkQd8dkeAcfQfBbbfBZmQfBXye7W"
   "tQd3VobIVoQZGVoYCXLQX8YuX8bqQX8ecYSgFQZmhubzhuQcZhudAhmQdmhfeQhQZ"},
  {0x37, 652,
   "MXKhgLeqhgLeqh0LabW0LYyW0LcwgMLXKgMZ"},
  {0x38, 652,
   "Mb6bYQZ+bYZKayQYhaMYhZIQYhYEZKXeQZ+X2b6X2QcEX2ctXeQdWYFdWZIQdWaMctayQcEbYb6bYZMZWcEQ"
   "YWcUXxdAQXNdsXNesQXNgGYNh4QZMhub6huQcrhudqh4QeqgGeqesQeqdseGdAQdicUchcEQdqbyeTbBQf6a"
   "Qf6ZIQf6Xce3WiQd1Vob6VoQZAVoY8WiQX6XcX6ZIQX6aQXkbBQYObyZWcEZMYyejQYydpZWdIQa4cob6coQ"
   "c6cochdIQdGdpdGejQdGfdchg8Qc6geb6geQa4geZWg8QYyfdYyejZ"},
  {0x39, 652,
   "MXmWGLXmXiQYMXQY+XGQZaX6aAX6QbkX6cZYAQdOZDdVbMQd2ahcMaKQbfZzapZzQZ3ZzY2b1QX0c4X0dwQX"
   "0fjY4goQZ8huawhuQcxhud-gLQf4eof4bqQf4Z4dmXRQcSVoaEVoQZeVoZ2VvQYQW0XmWGZMawbCQb+bCcbb"
   "wQdDcfdDdwQdDfAcbfvQb+geawgeQZsgeZEfvQYcfAYcdwQYccfZEbwQZsbCawbCZ"},
  {0x3a, 345,
   "MXuX-LZYX-LZYW0LXuW0ZMXueILZYeILZYcILXucIZ"},
  {0x3b, 345,
   "MXueILZYeILZYcILXucIZMXuX-LZYX-LZYWfLYGU9LXFU9LXuWfZ"},
  {0x3c, 858,
   "MhkduLZgb0LhkYALhkWlLXiaOLXibgLhkfJZ"},
  {0x3d, 858,
   "MXidHLhkdHLhkbzLXibzZMXia5Lhka5LhkYmLXiYmZ"},
  {0x3e, 858,
   "MXiduLXifJLhkbgLhkaOLXiWlLXiYALfmb0Z"},
  {0x3f, 544,
   "MZ4X-LafX-LafW0LZ4W0ZMacZ8LZ6Z8LZ6aMQZ6b8ZKbeQZYc9aGcqLaydWQbPdxbceIQboegbof2QboflbI"
   "gAQangcZxgcQZKgcYdgKQXwg3XAfYLXAh0QXuhSYfhgQZPhuaChuQbehucWh8QdOgNdOf8QdOeYd6d-QcqdT"
   "c7coLbRc7Qb4bmawbYQambLaib8Qafa+aealQacaWaca6Z"},
  {0x40, 1024,
   "MbzaCQbzZ5cWYSQd4Xqe2XqQf0XqfZYSQg6Z6g6aCQg6bIfYbyQe+cbe1cbQd4cbcXbyQbzbJbzaCZMgEXtQ"
   "fmXGf9W+QeYWidkWiQcOWibZXgQajYeajaCQajbmbZclQcPdkdkdkQeYdkf9dRQfmd8gEcYLgEdaLhLdaLhL"
   "XqQiUX+j7YsQjmZkjmb6QjmbyjXchQjHdQine2Qhzf4gofcQfeg9eGg9QdIg9cQfvQbXfeanf8QZYeMYsd3Q"
   "YAbmYAaGQYAZ0YdXwQZ4WrZwW0QakVCbqUnQcuUMe7UMQf8UMg6UhQh4V1huVgLibUoQhcU2gTTeQfJTEe7T"
   "EQcgTEbOTlQa6UGZ6VEQY6WCXbXVQX4YnX4aGQX4bgXcczQY8eGZ6fEQa7gEbSglQcmhHeEhHQfuhHhJgcQi"
   "kfwjiegQkHdvkbd0Qkuc6kub8QkuZ5jfXvQiQWjgEWgZ"},
  {0x41, 700,
   "MbUg7LZLaKLdeaKZMabhgLcOhgLgqW0LfBW0Le7Z0LYsZ0LXoW0LW8W0Z"},
  {0x42, 702,
   "MZAbaLZAXJLbiXJQczXJdaXrQeCYMeCZSQeCaYdab3QczbabibaZMZAgOLZAcsLbVcsQcfcsdDdIQdodkdoe"
   "dQdofWdDfyQcfgObVgOZMXahgLbchgQdQhgeOgwQfNgAfNeoQfNdketd5QeNcSdPcIQeac2fDbGQfsaTfsZH"
   "QfsXjeoWsQdkW0bmW0LXaW0Z"},
  {0x43, 715,
   "MgKgnLgKf6QfWfsedgEQdjgbcigbQaigbZefNQYae8YabqQYaZXZeYJQaiX4ciX4QdjX4edXSQfWXqgKYZLg"
   "KWwQfUWMeZW4QdeVoccVoQZyVoYRXPQWwZ1WwbqQWweeYRgGQZyhucchuQdfhueahcQfWhKgKgnZ"},
  {0x44, 788,
   "MZAgOLZAXJLb4XJQdUXJecYPQfkZVfkbsQfkeCecfIQdUgOb4gOZMXahgLaqhgQeDhgfogGQhOeshObsQhOY"
   "rfoXQQeCW0aqW0LXaW0Z"},
  {0x45, 647,
   "MXahgLeyhgLeygMLZAgMLZAcuLejcuLejbaLZAbaLZAXLLf6XLLf6W0LXaW0Z"},
  {0x46, 589,
   "MXahgLeIhgLeIgMLZAgMLZAcwLdocwLdobaLZAbaLZAW0LXaW0Z"},
  {0x47, 794,
   "MfYXgLfYapLcyapLcyc6Lh6c6Lh6X6QgBWSf4W7Qd+VockVoQZ-VoYSXOQWwY+WwbqQWweiYSgIQZ-huckhu"
   "QdthuevhcQfwhKgognLgof6QfwfrexgDQdygbcsgbQakgbZffOQYaeCYabqQYaZUZfYHQakX4csX4QdiX4eM"
   "XEQf0XNfYXgZ"},
  {0x48, 770,
   "MXahgLZAhgLZAcuLeucuLeuhgLgUhgLgUW0LeuW0LeubaLZAbaLZAW0LXaW0Z"},
  {0x49, 302,
   "MXahgLZAhgLZAW0LXaW0Z"},
  {0x4a, 302,
   "MXahgLZAhgLZAWqQZAUjYMTmQXZSpVoSpLVBSpLVBU8LVgU8QWkU8X9UkQXaVJXaWqZ"},
  {0x4b, 672,
   "MXahgLZAhgLZAclLeOhgLgQhgLaecELgrW0LemW0LZAbeLZAW0LXaW0Z"},
  {0x4c, 570,
   "MXahgLZAhgLZAXLLerXLLerW0LXaW0Z"},
  {0x4d, 884,
   "MXahgLZxhgLcwZkLfvhgLiGhgLiGW0LgjW0LgjgGLdiYGLc7YGLZ6gGLZ6W0LXaW0Z"},
  {0x4e, 766,
   "MXahgLZihgLeuXwLeuhgLgQhgLgQW0LeIW0LZ6fmLZ6W0LXaW0Z"},
  {0x4f, 806,
   "McKgcQacgcZbfKQYae2YabqQYaZeZbYMQacX4cKX4Qe2X4f2YMQg2Zeg2bqQg2e2f2fKQe2gccKgcZMcKhuQ"
   "emhugEgFQhiechibqQhiZ4gEXRQemVocKVoQZsVoYOXQQWwZ4WwbqQWwecYOgFQZshucKhuZ"},
  {0x50, 618,
   "MZAgOLZAb-Lb8b-QcFb-cscaQdSd8dSeCQdSfEcsfpQcFgOb8gOZMXahgLb8hgQd6hge6goQf6fvf6eCQf6c"
   "Te6baQd6aib8aiLZAaiLZAW0LXaW0Z"},
  {0x51, 806,
   "McKgcQacgcZbfKQYae2YabqQYaZeZbYMQacX4cKX4Qe2X4f2YMQg2Zeg2bqQg2e2f2fKQe2gccKgcZMeXWEL"
   "gcTyLeiTyLc+VqQcjVocaVoQcSVocKVoQZsVoYOXRQWwZ4WwbqQWwecYOgFQZshucKhuQemhugEgFQhiechi"
   "bqQhiZoguYMQg4WweXWEZ"},
  {0x52, 712,
   "Md6bUQddbJe6alQeaaBf4ZCLggW0Le+W0LdUZ0QcvaAcMaZQbqayauayLZAayLZAW0LXaW0LXahgLb8hgQd8"
   "hge8grQf6g0f6eKQf6dDeccUQe5bmd6bUZMZAgOLZAcELb8cEQcIcEctcmQdSdIdSeKQdSfLctfsQcIgOb8g"
   "OZ"},
  {0x53, 650,
   "MeahILeafmQdggBcugOQc4gcbLgcQa2gcZMg6QYffcYfehQYfdwZ7dWQZad7aucuLbqchQdccMeRbVQfHaff"
   "HZEQfHXYe8WgQd0VoapVoQZ+VoZ2V+QY6WAX6WXLX6Y9QY4XcY-XLQZwX4apX4QcAX4cuXcQdeY8deZ6QdeZ"
   "+d6aSQcaaybNbBLaQbNQYebkXscUQX4dEX4eZQX4g6Y9g-QZFhubAhuQb+hucqhkQdhhbeahIZ"},
  {0x54, 626,
   "MVzhgLfqhgLfqgMLbigMLbiW0La6W0La6gMLVzgMZ"},
  {0x55, 750,
   "MXPhgLY+hgLY+abQY+YjZgXuQaMX4btX4QdOX4e4XuQelYjelabLelhgLgKhgLgKaOQgKY6fCWyQe4VobtVo"
   "QZgVoYXWyQXPY6XPaOZ"},
  {0x56, 700,
   "MabW0LW8hgLXohgLbUXsLfBhgLgqhgLcOW0Z"},
  {0x57, 1012,
   "MWYhgLY8hgLabXqLd2hgLephgLhGXqLjihgLlJhgLiOW0LgOW0Ldxg8LbSW0LZTW0Z"},
  {0x58, 702,
   "MX0hgLYjhgLbcdLLeXhgLgEhgLcUc4LgUW0LenW0LbVa+LYCW0LWUW0LafcEZ"},
  {0x59, 626,
   "MV+hgLXghgLawcuLe7hgLfqhgLbibaLbiW0La6W0La6baZ"},
  {0x5a, 702,
   "MWwhgLg4hgLg4gULYiXLLgGXLLgGW0LWkW0LWkXDLe6gMLWwgMZ"},
  {0x5b, 400,
   "MXOiALaiiALaih2LYqh2LYqV0LaiV0LaiTvLXOTvZ"},
  {0x5c, 345,
   "MXLhgLbPUXLa4UXLW0hgZ"},
  {0x5d, 400,
   "MauiALauTvLXaTvLXaV0LZRV0LZRh2LXah2LXaiAZ"},
  {0x5e, 858,
   "MdUhgLhkdKLg9dKLcjgQLZHdKLXidKLbyhgZ"},
  {0x5f, 512,
   "MeATMLeASELVsSELVsTMZ"},
  {0x60, 512,
   "MYuipLb4fuLZufuLXLipZ"},
  {0x61, 628,
   "MbVaQQZmaQZ4a0QYQZcYQYfQYQXuYwXRQZQW+aIW+QbUW+cCXrQcwYhcwa5LcwaQZMeMb0LeMW0LcwW0LcwX"
   "LQcRWYbiWAQazVoZvVoQYZVoXmWYQW+XIW+YZQW+a2XzaoQYybYawbYLcwbYLcwbgQcwcgcHdDQbddmaSdmQ"
   "ZidmY+daQYGdOXcd2LXceMQYPegZ8eqQZue+abe+QcUe+dQd+QeMd0eMb0Z"},
  {0x62, 650,
   "MdoaOQdobzd9ctQcVdmbMdmQaDdmZZctQYwbzYwaOQYwYoZZXuQaDW+bMW+QcVW+d9XuQdoYodoaOZMYwdRQ"
   "ZMeDa3ebQale+bie+QdIe+eIdiQfIcSfIaOQfIYKeIX2QdIVobiVoQalVoa3WAQZMWYYwXKLYwW0LXTW0LXT"
   "iALYwiAZ"},
  {0x63, 563,
   "MdqeQLdqd4QdCdQcbdbQb+dmbMdmQZydmZBctQYQb+YQaOQYQYnZBXuQZyX0bMX0Qb+X0cbXAQdCXLdqXgLd"
   "qWMQdDW4caVwQbwVobCVoQZEVoY3X1QWuYGWuaOQWucWY4dlQZFe+bIe+Qbye+cberQdEeidqeQZ"},
  {0x64, 650,
   "MdHdRLdHiALejiALejW0LdHW0LdHXKQcqWYc8WAQbSVoaUVoQYuVoXuX2QWuYKWuaOQWucSXudiQYue+aUe+"
   "QbSe+c8ebQcqeDdHdRZMYOaOQYOYoZ1XuQZhW+aqW+QbzW+cdXuQdHYodHaOQdHbzcdctQbzdmaqdmQZhdmZ"
   "1ctQYObzYOaOZ"},
  {0x65, 630,
   "Mf0alLf0a2LYOa2QYUYZZIXnQa5X0bWX0QcMX0d7XCQdvXQegXqLegWSQduW8d4VyQcGVobRVoQZLVoY7X0Q"
   "WuYEWuaIQWucSY3djQZDe+bBe+Qcye+d+drQf0cif0alZMdabAQdYcMcvd2QcGdmbCdmQZ-dmZHd4QYYcOYS"
   "bAZ"},
  {0x66, 360,
   "MbyiALbyg+Laag+QZog+ZVggQZCgMZCfYLZCemLbaemLbadeLZCdeLZCW0LXmW0LXmdeLWOdeLWOemLXmemL"
   "XmfNQXmgqYRhVQZ6iAabiAZ"},
  {0x67, 650,
   "MdHaUQdHc2cecwQb+dmaqdmQZgdmZ1cwQYOc2YOaUQYOYxZ1Y4QZgXDaqXDQb+XDceY4QdHYxdHaUZMejX6Q"
   "ejUsdkTnQckShahShQZwShZGSoQYaSwXyT8LXyUYQYaUCZCU2QZqTtaSTtQbtTtcaUcQdHVMdHWrLdHXYQcq"
   "Wnc8WOQbSW0aUW0QYsW0XuXEQWuYTWuaUQWucWXudlQYse+aUe+QbSe+c8ebQcqeCdHdRLdHemLejemZ"},
  {0x68, 649,
   "MeobILeoW0LdMW0LdMbFQdMcUctd6QcOdkbQdkQaGdkZac+QYwcEYwayLYwW0LXTW0LXTiALYwiALYwdPQZQ"
   "eCa7eaQaqe+bke+QdFe+e0e2Qeod6eobIZ"},
  {0x69, 284,
   "MXWemLYyemLYyW0LXWW0ZMXWiALYyiALYygMLXWgMZ"},
  {0x6a, 284,
   "MXWemLYyemLYyVsQYyUBYKTRQXhShWGShLVkShLVkTvLW6TvQWwTvXEUHQXWUgXWVsZMXWiALYyiALYygMLX"
   "WgMZ"},
  {0x6b, 593,
   "MXTiALYwiALYwa+LdCemLf2emLaOagLfEW0LdMW0LYwaILYwW0LXTW0Z"},
  {0x6c, 284,
   "MXWiALYyiALYyW0LXWW0Z"},
  {0x6d, 998,
   "MeKd4Qete2fdeWQgNe+hOe+Qime+jVe0QkEd3kEbILkEW0LioW0LiobFQiocWiMd6Qhvdkg+dkQftdkfEc+Q"
   "eacEeaayLeaW0Ld8W0Ld8bFQd8cWchd7QcEdkbJdkQaCdkZZc+QYwcEYwayLYwW0LXTW0LXTemLYwemLYwdP"
   "QZPeCa5ebQane+bke+Qcge+dLeUQe0e0eKd4Z"},
  {0x6e, 649,
   "MeobILeoW0LdMW0LdMbFQdMcUctd6QcOdkbQdkQaGdkZac+QYwcEYwayLYwW0LXTW0LXTemLYwemLYwdPQZQ"
   "eCa7eaQaqe+bke+QdFe+e0e2Qeod6eobIZ"},
  {0x6f, 626,
   "MawdmQZmdmZ4csQYQbyYQaOQYQYpZ4XvQZlX0awX0Qc3X0ckXwQdPYqdPaOQdPbxckcrQc3dmawdmZMawe+Q"
   "coe+dsdmQewcYewaOQewYEdsX0QcoVoawVoQZ1VoXzX0QWuYEWuaOQWucYXzdmQZ1e+awe+Z"},
  {0x70, 650,
   "MYwXKLYwShLXTShLXTemLYwemLYwdRQZMeDa3ebQale+bie+QdIe+eIdiQfIcSfIaOQfIYKeIX2QdIVobiVo"
   "QalVoa3WAQZMWYYwXKZMdoaOQdobzd9ctQcVdmbMdmQaDdmZZctQYwbzYwaOQYwYoZZXuQaDW+bMW+QcVW+d"
   "9XuQdoYodoaOZ"},
  {0x71, 650,
   "MYOaOQYOYoZ1XuQZhW+aqW+QbzW+cdXuQdHYodHaOQdHbzcdctQbzdmaqdmQZhdmZ1ctQYObzYOaOZMdHXKQ"
   "cqWYc8WAQbSVoaUVoQYuVoXuX2QWuYKWuaOQWucSXudiQYue+aUe+QbSe+c8ebQcqeDdHdRLdHemLejemLej"
   "ShLdHShZ"},
  {0x72, 421,
   "McbdQQcMdZc3ddQbndibRdiQaDdiZZcvQYwc6YwadLYwW0LXTW0LXTemLYwemLYwdPQZMeCa5ebQaqe+bse+"
   "Qc0e+cBeyQcMexcaeuZ"},
  {0x73, 534,
   "Md6eWLd6d8QcUdSbqdcQbAdmaUdmQZPdmYtdSQYKd6YKcSQYKbyYjbgQZ6bOaGb8Lalb0QcHaicwa5QdaZVd"
   "aYQQdaXCccWVQbeVoZyVoQZFVoYUVwQXkW3WuWKLWuXqQXgXPYSXCQZEW+Z+W+Qa-W+bYXLQc5Xhc5YKQc5Y"
   "vbiZDQbIZXZzZqLZTZxQY8aDXYaoQWybOWycOQWydeXqeIQYie+aIe+Qb6e+boesQcWekd6eWZ"},
  {0x74, 402,
   "MYyhFLYyemLbvemLbvdeLYydeLYyYuQYyXqZEXWQZXXDaQXDLbvXDLbvW0LaQW0QYmW0Y8WeQXVXGXVYuLXV"
   "deLWSdeLWSemLXVemLXVhFZ"},
  {0x75, 649,
   "MXNZTLXNemLYpemLYpZWQYpYHZIXfQZnX2alX2QbwX2cbXnQdGYWdGZoLdGemLeiemLeiW0LdGW0LdGXMQck"
   "WZc2WAQbMVoaSVoQYxVoY9WkQXNXgXNZTZMa+e+Z"},
  {0x76, 606,
   "MWUemLY0emLalXQLdUemLf0emLbkW0LZmW0Z"},
  {0x77, 838,
   "MWhemLY7emLZwXxLbiemLdPemLfCXxLg+emLiQemLg8W0LeSW0LcZdBLagW0LY+W0Z"},
  {0x78, 606,
   "MeoemLbeaWLeyW0LdGW0LajZSLYAW0LWUW0LZtabLWmemLYSemLanbeLd6emZ"},
  {0x79, 606,
   "MbAVCQaYTeZ+TAQZOShYQShLXHShLXHTuLY7TuQYjTuZ2UAQZNUSZmVVLa1W9LWUemLY0emLalXwLdUemLf0"
   "emZ"},
  {0x7a, 538,
   "MWuemLdkemLdkdSLYKXALdkXALdkW0LWiW0LWiXKLc6dcLWudcZ"},
  {0x7b, 652,
   "MeCUXLeCTPLdiTPQbmTPb6T+QaSUZaSWILaSY9QaSZKa0ZoQZcaEYUaELY0aELY0bMLYUbMQZcbMa1bpQaSc"
   "GaSdQLaSfIQaSh0b6hbQbmiAdiiALeCiALeCh2Ldgh2QcZh2cEgiQbugMbufGLbudKQbuc6bXbYQbAa+aKao"
   "QbBaabYa1QbuZUbuYGLbuWKQbuVDcEUtQcZUXdgUXZ"},
  {0x7c, 345,
   "MZNiELZNSELY2SELY2iEZ"},
  {0x7d, 652,
   "MY0UXLYZUXQZfUXZ+UsQaKVCaKWKLaKYGQaKZUaga1Qb0aabuaoQb0a+agbYQaKc6aKdKLaKfGQaKgNZ+gjQ"
   "Zfh2YZh2LY0h2LY0iALYWiAQaSiAb6hbQbmh0bmfILbmdQQbmcGcAbpQccbMdibMLeCbMLeCaELdiaEQccaE"
   "cAZoQbmZKbmY9LbmWIQbmUZb6T+QaSTPYWTPLY0TPZ"},
  {0x7e, 858,
   "MhkcOLhkb0QgvaOgCa7QfWZselZsQduZsclaKQcgaMcdaMQcaaOcSaQQbEawaWawQZqawZ8acQYUaJXiZgLX"
   "ib2QYXbgZEbxQZwcCahcCQbYcCcibkQcmbicpbiQctbgc+beQeCb8ewb8Qfcb8gGbSQgwbkhkcOZ"},
  {0xa1, 410,
   "Ma0cnLYQcnLYQemLa0emZMa0T6LYQT6LYQYDLYbb0LZsb0La0YDZ"},
  {0xa2, 652,
   "MbJX2LbJdkQaAdaZWciQYubqYuaOQYuYxZWY2QaAXAbJX2ZMeIeQLeId4QdidPdAdaQcedkc6dmLc6X0QcfX"
   "2dBXCQdkXNeIXgLeIWMQdnW6dFV+QciVrc6VoLc6TaLbJTaLbJVqQZQV+YOXAQXMYNXMaOQXMcOYOdbQZQeo"
   "bJeyLbJhCLc6hCLc6eyQchewdDeoQdmegeIeQZ"},
  {0xa3, 652,
   "MedhQLedf-Qe1gKdVgUQczgecUgeQbKgeaug1QaQfQaQdmLaQc5LdUc5LdUa+LaQa+LaQXLLenXLLenW0LX0"
   "W0LX0XLLYsXLLYsa+LXJa+LXJc5LYsc5LYsdyQYsf+ZigxQaYhucMhuQcqhudQhmQe0heedhQZ"},
  {0xa4, 652,
   "Mc+dmLebfPLfUeWLdtcuQeAcReIbzQeSbWeSb0QeSaXeIa4Qe8ZedqZBLfTXaLeaWhLcyYIQcVX+c2XrQbbX"
   "ib6XiQagXiaCXrQZkX+ZFYGLXeWfLWlXYLYMZAQY4ZeXxa6QXoaaXob0QXobWXxb+QY4cQYOcsLWmeULXgfN"
   "LZHdmQZie3aAeCQaceMb6eMQbaeMc2eCQcVe4c+dmZMdDb2QdDbwcccWQc0d6b6d6QaEd6ZdcWQZ0bwZ0b2Q"
   "Z0a8ZdZYQaEYwb6YwQb-YwccZYQdDa9dDb2Z"},
  {0xa5, 652,
   "Mf6ZaLbuZaLbuW0LaKW0LaKZaLX4ZaLX4aXLaKaXLaKawLZgc8LX4c8LX4d6LZ8d6LWfhgLY8hgLb6cCLe2h"
   "gLfYhgLd2d6Lf6d6Lf6c8LcXc8LbtawLbtaXLf6aXZ"},
  {0xa6, 345,
   "MZNZCLZNTHLY2THLY2ZCZMZNhCLZNbHLY2bHLY2hCZ"},
  {0xa7, 512,
   "MY+dKQYUczYEccQX-cGX-bvQX-bJYYaoQZ4aGb2ZDQbXZabmZwQc0aHc0aeQc0bEbSbmQaucIY+dKZMcUhRL"
   "cUg9QbrgSbHgcQakgmaIgmQZXgmZ6gSQYhg8YhfaQYheuaId+QaVdsacdoQcGctcmcGQdHbgdHauQdHaAcwZ"
   "eQcZZ4bqYgQcKYGcYXrQcmXQcmWwQcmVobzV8QbAUUZqUUQZFUUYeUcQY2UjXMUyLXMWEQY2VwYcVmQZCVcZ"
   "eVcQaSVcauVyQbKWGbKWsQbKXgZcYdLZPYkQXkZgXEaGQWkasWkbgQWkcNX5cxQXSdUYAdtQXieDXUefQXFf"
   "5XFfeQXFgeY1hGQYphua6huQaghubHhnQbthgcUhRZ"},
  {0xa8, 512,
   "Mali8LcKi8LcKgZLalgZZMXii8LZHi8LZHgZLXigZZ"},
  {0xa9, 1024,
   "Me0hcQfChcgEhBQhGgmi6fvQiyf2jOe1Qjod0joboQjoacjOZbQiyYai6XkQhGWtgEWSQfCW0e0W0QcqW0bo"
   "WSQamWtZwXkQZ4YaYeZbQYEacYEboQYEd0Yee1QZ4f2ZwfvQamgmbohBQcqhce0hcZMe0gpQc+gpc6gSQbEg"
   "4aUfLQZmecZOdjQZ0cqZ0boQZ0aoZOZvQZmZ0aUYIQbEXYc6XBQc+Wpe0WpQf2WpfxXBQgqXYhYYIQiHZ0ie"
   "ZuQj0anj0boQj0criedkQiGechYfLQgqg4fxgSQf2gpe0gpZMgMeuLgMduQfqe8fKeGQeqeOeIeOQd8eOcUd"
   "jQbqd1bqboQbqaZcVZuQdAZCeOZCQeuZCfMZKQfqZSgMZiLgMYjQfqYUfIYOQemYGeCYGQcWYGbYZEQaZaAa"
   "ZboQaZdRbYeOQcWfKeCfKQenfKfJfDQfrf6gMeuZ"},
  {0xaa, 482,
   "MX6aeLcUaeLcUZgLX6ZgZMcSf6LcSbcLbIbcLbIcUQayb-aObkQZqbTZ6bTQY6bTXWb-QWwcWWwdPQWweSXf"
   "e-QYPfYZtfYLbIfYLbIfaQbIgHargeQaOg+ZTg+QY+g+YSgsQXwgkXOgSLXOhSQXyhgYXhnQZ5huZehuQb3h"
   "ubmhCQcSgWcSf6ZMaIeeQZ2eeYYeNQY3e6Y3dVQY3c-YSciQYqcOZTcOQaHcOaocyQbIdWbIeQLbIeeZ"},
  {0xab, 626,
   "MeIeILeIcoLbyaiLeIYcLeIX6LaeaOLaeb0ZMaweILawcoLYZaiLawYcLawX6LXFaOLXFb0Z"},
  {0xac, 858,
   "MXiclLhkclLhkYGLgQYGLgQbQLXibQZ"},
  {0xae, 1024,
   "Me0gpQc+gpc6gSQbEg4aUfLQZmecZOdjQZ0cqZ0boQZ0aoZOZvQZmZ0aUYIQbEXYc6XBQc+Wpe0WpQf2Wpfx"
   "XBQgqXYhYYIQiHZ0ieZuQj0anj0boQj0criedkQiGechYfLQgqg4fxgSQf2gpe0gpZMe0hcQfChcgEhBQhGg"
   "mi6fvQiyf2jOe1Qjod0joboQjoacjOZbQiyYai6XkQhGWtgEWSQfCW0e0W0QcqW0boWSQamWtZwXkQZ4YaYe"
   "ZbQYEacYEboQYEd0Yee1QZ4f2ZwfvQamgmbohBQcqhce0hcZMdoeOLcreOLcrcELdocEQegcEe-cTQfLcifL"
   "dIQfLdue-e8QefeOdoeOZMdsfBQfEfBfwejQgbeGgbdJQgbcegBcCQfmbmf0beQfCbafTbGQfkazg5aOLhAY"
   "fLfqYfLepaIQeMb2e3bEQdnbRdMbRLcrbRLcrYfLbeYfLbefBZ"},
  {0xaf, 512,
   "MXghxLcMhxLcMgnLXggnZ"},
  {0xb0, 512,
   "Ma0guQZOguYygSQYXg0YXfOQYXemYyeLQZOdwa0dwQaedwb4eLQbVembVfOQbVg0b3gSQaegua0guZMa0huQ"
   "aWhua+hiQbRhWbmh8Qc8gocJgMQcUfvcUfOQcUeMbmdeQb2cwZ-cwQYycwYEdeQXYeKXYfOQXYgRYGhAQY+h"
   "ua0huZ"},
  {0xb1, 858,
   "MdNg2LdNd0Lhkd0LhkbiLdNbiLdNYgLc3YgLc3biLXibiLXid0Lc3d0Lc3g2ZMXiXLLhkXLLhkW0LXiW0Z"},
  {0xb2, 410,
   "MY6c7LbQc7LbQbELWlbELWlc5QX0cKXWcmQaCf9aCfuQaCgPZogjQZOh2Yjh2QYJh2XqgvQXMgmWogULWohS"
   "QXOhgXwhnQYRhuYuhuQa0huaihNQbNgsbNg0QbNewYociQYMcKY6c7Z"},
  {0xb3, 410,
   "Ma6emQaqedbDeCQbcdmbcd8QbccAatbeQa8b6Ylb6QYIb6XpbCQXKbHWnbRLWncOQXBcAXfc4QY6bzYebzQZ"
   "UbzZycHQaQcaaQd8QaQdiZ-e0QZZeIYjeILY2eILY2f8LYnf8QZWf8ZufOQaGfeaGg6QaGgZZugoQZUh2Ylh"
   "2QYRh2Y2gzQXeguX0gjLX0hcQXahlY4hqQYahuZ0huQa8huaohQQbSgzbSgCQbSffb6fHQaleva6emZ"},
  {0xb4, 512,
   "Mb6ipLcfipLa6ftLYwftZ"},
  {0xb5, 652,
   "MXNShLXNemLYpemLYpZKQYpYCZMXcQZuX2ayX2Qc6X2chXiQdGYMdGZgLdGemLeiemLeiY1QeiXZerXLQe+X"
   "6fGX6QfKX6fSX9QfaXCfoXILfoW8QfUVyfCVtQewVoeeVoQe6VodnW5QdSWOdLX0QcyWPcOW5QbqVob2VoQa"
   "GVoZiW5QZ8WOYpX0LYpShZ"},
  {0xb6, 652,
   "MayhgLeShgLeSUULdMUULdMgjLbtgjLbtUULamUULamb4QZ4bDYAc4QXFcyXFeOQXFfsYGgmQZHhgayhgZ"},
  {0xb7, 326,
   "MXkcZLZNcZLZNaaLXkaaZ"},
  {0xb8, 512,
   "MagW0Qb6VXbJV7QbWUibWUKQbWTeb2THQaaSwZgSwQZISwYzS+QYdT0YIT6LYIU8QYYU0YrTyQZ8TuZVTuQZ"
   "yTuaCU4QaQUGaQUdQaQUsaGVCQa5VYZkW0Z"},
  {0xb9, 410,
   "MXEc5LYqc5LYqgsLX4gYLX4hSLYuhmLZyhmLZyc5LbYc5LbYbELXEbEZ"},
  {0xba, 482,
   "MX6aeLcUaeLcUZgLX6ZgZMZohuQbBhub+h1QcogAcoegQcodAb+cKQbBbTZobTQYObTXacKQWmdBWmegQWmg"
   "AXah1QYOhuZohuZMZog+QYzg+YUgMQX+fkX+egQX+deYUd0QY+cOZocOQaccOb5d0QbadebaegQbafkb6gMQ"
   "acg+Zog+Z"},
  {0xbb, 626,
   "MXWeILbBb0LbBaOLXWX6LXWYcLZtaiLXWcoZMaweILeab0LeaaOLawX6LawYcLdGaiLawcoZ"},
  {0xbc, 992,
   "MXEc5LYqc5LYqgsLX4gYLX4hSLYuhmLZyhmLZyc5LbYc5LbYbELXEbEZMiqbbLgQYKLiqYKZMifcYLjycYLj"
   "yYKLl0YKLl0XTLjyXTLjyW0LiqW0LiqXTLfbXTLfbYQZMgnhuLi1huLalVoLZVVoZ"},
  {0xbd, 992,
   "MXEc5LYqc5LYqgsLX4gYLX4hSLYuhmLZyhmLZyc5LbYc5LbYbELXEbEZMhCWvLkWWvLkWW0LfqW0LfqWtQg6"
   "X6gbXYQjHZxjHagQjHbBitbVQiTbqhobqQhObqgwbhQgSbYfubGLfucEQgUcSg-cZQhWcghzcgQj6cgjnc9Q"
   "kSbekSaoQkSZihtXUQhRX6hCWvZMgnhuLi1huLalVoLZVVoZ"},
  {0xbe, 992,
   "Ma6emQaqedbDeCQbcdmbcd8QbccAatbeQa8b6Ylb6QYIb6XpbCQXKbHWnbRLWncOQXBcAXfc4QY6bzYebzQZ"
   "UbzZycHQaQcaaQd8QaQdiZ-e0QZZeIYjeILY2eILY2f8LYnf8QZWf8ZufOQaGfeaGg6QaGgZZugoQZUh2Ylh"
   "2QYRh2Y2gzQXeguX0gjLX0hcQXahlY4hqQYahuZ0huQa8huaohQQbSgzbSgCQbSffb6fHQaleva6emZMiqbb"
   "LgQYKLiqYKZMifcYLjycYLjyYKLl0YKLl0XTLjyXTLjyW0LiqW0LiqXTLfbXTLfbYQZMgnhuLi1huLalVoLZ"
   "VVoZ"},
  {0xbf, 544,
   "MZwbeLbPbeLbPaQQbPZdbBZ6Qa+YcaGXwLZaXEQZ6WqYwWSQYjW5YjViQYjV0ZEUaQZkU9abU9QbCU9bvUQQ"
   "ccUidMVELdMTmQcdTJbtT5Qb7StaKStQYuStY0TeQX8UOX8VeQX8WEXQWmQXiXIYOXzLZ4YeQZSZ0ZcZDQZm"
   "ZQZqZcQZtZnZua0QZwaFZwagZMbScnLZtcnLZtemLbSemZ"},
  {0xc0, 700,
   "MbUg7LZLaKLdeaKZMabhgLcOhgLgqW0LfBW0Le7Z0LYsZ0LXoW0LW8W0ZMb2ksLcaioLbNioLZaksZ"},
  {0xc1, 700,
   "MbUg7LZLaKLdeaKZMabhgLcOhgLgqW0LfBW0Le7Z0LYsZ0LXoW0LW8W0ZMbwksLdMksLbaioLaOioZ"},
  {0xc2, 700,
   "MbUg7LZLaKLdeaKZMabhgLcOhgLgqW0LfBW0Le7Z0LYsZ0LXoW0LW8W0ZMalksLcDksLdsioLcnioLbUkALa"
   "BioLZ6ioZ"},
  {0xc3, 700,
   "MbUg7LZLaKLdeaKZMabhgLcOhgLgqW0LfBW0Le7Z0LYsZ0LXoW0LW8W0ZMbSjNLb0jeQapjkahjnQaajqaUj"
   "qQaCjqa2jeQZujRZuj4LZuj2LYvj2QYvjqZJkIQZiklaOklQagklavkhQb8kdbWkQLbykAQc8k4cGk1QcPj+"
   "cWj+Qcmj+cwkBQd4kOd4kiLd4klLe3klQe2jzdejVQdEj2caj2QcKj2c5j6QbsjAbSjNZ"},
  {0xc4, 700,
   "MbUg7LZLaKLdeaKZMabhgLcOhgLgqW0LfBW0Le7Z0LYsZ0LXoW0LW8W0ZMcDkdLdokdLdoj2LcDj2ZMZAkdL"
   "alkdLalj2LZAj2Z"},
  {0xc5, 700,
   "McgijQcgjCcKjZQb+jvbUjvQa+jvaejZQaIjEaIijQaIiEaehuQa+hYbUhYQb+hYcKhuQcgiEcgijZMbUg7L"
   "ZMaKLdcaKZMaIgwQZqhFZahiQZLi8ZLijQZLjcZzkEQaaksbUksQcNksc-kEQdejcdeijQdeiAdOhiQd8hFc"
   "ggwLgqW0LfBW0Le7Z0LYsZ0LXoW0LW8W0Z"},
  {0xc6, 998,
   "MkQhgLkQgMLeegMLeecuLkCcuLkCbaLeebaLeeXLLkaXLLkaW0Ld2W0Ld2Z0LYwZ0LXgW0LW4W0LayhgZMc2"
   "gSLZTaKLd2aKLd2gSZ"},
  {0xc7, 715,
   "MgKgnLgKf6QfWfsedgEQdjgbcigbQaigbZefNQYae8YabqQYaZXZeYJQaiX4ciX4QdjX4edXSQfWXqgKYZLg"
   "KWwQfUWMeZW4QdeVoccVoQZyVoYRXPQWwZ1WwbqQWweeYRgGQZyhucchuQdfhueahcQfWhKgKgnZMd0W0QdS"
   "VXdgV7QdtUidtUKQdtTedPTHQcxSwc0SwQbfSwbJS+Qa+T0aeT6LaeU8QavU0bCTyQbUTubsTuQcJTucYU4Q"
   "cnUGcnUdQcnUsccVCQcSVYc5W0Z"},
  {0xc8, 647,
   "MXahgLeyhgLeygMLZAgMLZAcuLejcuLejbaLZAbaLZAXLLf6XLLf6W0LXaW0ZMaoksLcKioLb8ioLZLksZ"},
  {0xc9, 647,
   "MXahgLeyhgLeygMLZAgMLZAcuLejcuLejbaLZAbaLZAXLLf6XLLf6W0LXaW0ZMbgksLd7ksLbLioLa8ioZ"},
  {0xca, 647,
   "MXahgLeyhgLeygMLZAgMLZAcuLejcuLejbaLZAbaLZAXLLf6XLLf6W0LXaW0ZMaWksLb+ksLdeioLcYioLbF"
   "kALZyioLYsioZ"},
  {0xcb, 647,
   "MXahgLeyhgLeygMLZAgMLZAcuLejcuLejbaLZAbaLZAXLLf6XLLf6W0LXaW0ZMb+kdLdakdLdaj2Lb+j2ZMY"
   "wkdLaWkdLaWj2LYwj2Z"},
  {0xcc, 302,
   "MXahgLZAhgLZAW0LXaW0ZMXxksLZTioLYGioLWUksZ"},
  {0xcd, 302,
   "MXahgLZAhgLZAW0LXaW0ZMYpksLaGksLYUioLXHioZ"},
  {0xce, 302,
   "MXahgLZAhgLZAW0LXaW0ZMXeksLZ6ksLamioLZgioLYOkALX4ioLV-ioZ"},
  {0xcf, 302,
   "MXahgLZAhgLZAW0LXaW0ZMZ6kdLaikdLaij2LZ6j2ZMW3kdLXekdLXej2LW3j2Z"},
  {0xd0, 794,
   "MXghgLawhgQeIhgfugGQhTeshTbsQhTYrftXQQeIW0awW0LXgW0LXgbULW5bULW5ccLXgccZMZFgOLZFccLb"
   "tccLbtbULZFbULZFXJLb8XJQdZXJehYPQfoZVfobsQfoeCehfIQdZgOb8gOZ"},
  {0xd1, 766,
   "MXahgLZihgLeuXwLeuhgLgQhgLgQW0LeIW0LZ6fmLZ6W0LXaW0ZMbzjNLbWjeQbKjkbCjnQb4jqa+jqQaijq"
   "aYjeQaOjRaOj4LaOj2LZQj2QZQjqZqkIQaEklauklQbAklbQkhQbfkdc1kQLcUkAQcfk4cok1Qcwj+d2j+Qd"
   "Ij+dSkBQdckOdckiLdcklLeaklQeZjze9jVQdmj2d6j2Qcqj2ccj6QcNjAbzjNZ"},
  {0xd2, 806,
   "McKgcQacgcZbfKQYae2YabqQYaZeZbYMQacX4cKX4Qe2X4f2YMQg2Zeg2bqQg2e2f2fKQe2gccKgcZMcKhuQ"
   "emhugEgFQhiechibqQhiZ4gEXRQemVocKVoQZsVoYOXQQWwZ4WwbqQWwecYOgFQZshucKhuZMbtksLdPioLc"
   "CioLaQksZ"},
  {0xd3, 806,
   "McKgcQacgcZbfKQYae2YabqQYaZeZbYMQacX4cKX4Qe2X4f2YMQg2Zeg2bqQg2e2f2fKQe2gccKgcZMcKhuQ"
   "emhugEgFQhiechibqQhiZ4gEXRQemVocKVoQZsVoYOXQQWwZ4WwbqQWwecYOgFQZshucKhuZMclksLeCksLc"
   "QioLbDioZ"},
  {0xd4, 806,
   "McKgcQacgcZbfKQYae2YabqQYaZeZbYMQacX4cKX4Qe2X4f2YMQg2Zeg2bqQg2e2f2fKQe2gccKgcZMcKhuQ"
   "emhugEgFQhiechibqQhiZ4gEXRQemVocKVoQZsVoYOXQQWwZ4WwbqQWwecYOgFQZshucKhuZMbaksLd2ksLe"
   "iioLdcioLcKkALb0ioLZxioZ"},
  {0xd5, 806,
   "McKgcQacgcZbfKQYae2YabqQYaZeZbYMQacX4cKX4Qe2X4f2YMQg2Zeg2bqQg2e2f2fKQe2gccKgcZMcKhuQ"
   "emhugEgFQhiechibqQhiZ4gEXRQemVocKVoQZsVoYOXQQWwZ4WwbqQWwecYOgFQZshucKhuZMcIjNLbrjeQb"
   "ejkbXjnQbPjqbJjqQb1jqatjeQajjRajj4Lajj2LZkj2QZkjqa8kIQaYklbDklQbVklbkkhQb+kdcMkQLcok"
   "AQc+k4d6k1QdEj+dMj+Qdcj+dmkBQdwkOdwkiLdwklLeuklQeujzeUjVQe4j2dQj2Qd9j2cwj6QcijAcIjNZ"},
  {0xd6, 806,
   "McKgcQacgcZbfKQYae2YabqQYaZeZbYMQacX4cKX4Qe2X4f2YMQg2Zeg2bqQg2e2f2fKQe2gccKgcZMcKhuQ"
   "emhugEgFQhiechibqQhiZ4gEXRQemVocKVoQZsVoYOXQQWwZ4WwbqQWwecYOgFQZshucKhuZMd2kdLeekdLe"
   "ej2Ld2j2ZMZ-kdLbakdLbaj2LZ-j2Z"},
  {0xd7, 858,
   "MhEecLdgb0LhEXSLgIWWLcja5LZ8WWLYCXSLbmb0LYCecLZ8fYLcjbzLgIfYZ"},
  {0xd8, 806,
   "MfReiLZqY5QaKXbayXKQbaX4cKX4Qe2X4f2YMQg2Zeg2bqQg2cifudQQfke8fReiZMeofaQeKg4dhgLQd3gc"
   "cKgcQacgcZbfKQYae2YabqQYaayYkaEQYuZUZBYyZMY8XkQXXYWXDZYQWwaaWwbqQWwecYOgFQZshucKhuQd"
   "KhueChbQf3hIfkgiLh0iCLhohVLgUfyQh4f8hOe6Qhid4hibqQhiZ4gEXRQemVocKVoQbKVoaSW4QZbWNYuW"
   "yLXcVTLWpW9Z"},
  {0xd9, 750,
   "MXPhgLY+hgLY+abQY+YjZgXuQaMX4btX4QdOX4e4XuQelYjelabLelhgLgKhgLgKaOQgKY6fCWyQe4VobtVo"
   "QZgVoYXWyQXPY6XPaOZMbQksLcyioLbmioLZzksZ"},
  {0xda, 750,
   "MXPhgLY+hgLY+abQY+YjZgXuQaMX4btX4QdOX4e4XuQelYjelabLelhgLgKhgLgKaOQgKY6fCWyQe4VobtVo"
   "QZgVoYXWyQXPY6XPaOZMcIksLdlksLbzioLamioZ"},
  {0xdb, 750,
   "MXPhgLY+hgLY+abQY+YjZgXuQaMX4btX4QdOX4e4XuQelYjelabLelhgLgKhgLgKaOQgKY6fCWyQe4VobtVo"
   "QZgVoYXWyQXPY6XPaOZMb8ksLccksLeGioLdAioLbtkALaaioLZUioZ"},
  {0xdc, 750,
   "MXPhgLY+hgLY+abQY+YjZgXuQaMX4btX4QdOX4e4XuQelYjelabLelhgLgKhgLgKaOQgKY6fCWyQe4VobtVo"
   "QZgVoYXWyQXPY6XPaOZMcckdLeCkdLeCj2Lccj2ZMZYkdLb8kdLb8j2LZYj2Z"},
  {0xdd, 626,
   "MV+hgLXghgLawcuLe7hgLfqhgLbibaLbiW0La6W0La6baZMbLksLcoksLb0ioLZpioZ"},
  {0xde, 620,
   "MXahgLZAhgLZAfcLb8fcQd6fce6ekQf6dsf6c8Qf6aQe6ZYQd6Yfb8YfLZAYfLZAW0LXaW0ZMZAeKLZAZyLb"
   "8ZyQcFZycsaWQdSb5dSc8QdSdBcsdlQcGeKb8eKZ"},
  {0xdf, 645,
   "MXTeuQXTgSYPhJQZKiAb2iAQcgiAdWhGQeNgMeOecQdDeYcZe5QbvdebvcuQbvcXc8cDQcMbucsbaLdJbHQe"
   "caSe+ZuQfMZLfMYZQfMXDeUWVQdcVobyVoQbSVoawVuQaOV+ZqWALZqXSQaSXDa+X6QbYW+c2W+QcyW+dQXM"
   "QduXkduYSQduYxdfZGQdQZbcea4LbwaWQbAazaqbVQaUc0aUckQaUdkb8eOQbof4c+fIQcwg6cPgYQbug+b0"
   "g+QZ+g+ZSgRQYwfuYwesLYwW0LXTW0Z"},
  {0xe0, 628,
   "MbVaQQZmaQZ4a0QYQZcYQYfQYQXuYwXRQZQW+aIW+QbUW+cCXrQcwYhcwa5LcwaQZMeMb0LeMW0LcwW0LcwX"
   "LQcRWYbiWAQazVoZvVoQYZVoXmWYQW+XIW+YZQW+a2XzaoQYybYawbYLcwbYLcwbgQcwcgcHdDQbddmaSdmQ"
   "ZidmY+daQYGdOXcd2LXceMQYPegZ8eqQZue+abe+QcUe+dQd+QeMd0eMb0ZMZWipLbkfuLaXfuLX+ipZ"},
  {0xe1, 628,
   "MbVaQQZmaQZ4a0QYQZcYQYfQYQXuYwXRQZQW+aIW+QbUW+cCXrQcwYhcwa5LcwaQZMeMb0LeMW0LcwW0LcwX"
   "LQcRWYbiWAQazVoZvVoQYZVoXmWYQW+XIW+YZQW+a2XzaoQYybYawbYLcwbYLcwbgQcwcgcHdDQbddmaSdmQ"
   "ZidmY+daQYGdOXcd2LXceMQYPegZ8eqQZue+abe+QcUe+dQd+QeMd0eMb0ZMbkipLdIipLalftLZYftZ"},
  {0xe2, 628,
   "MbVaQQZmaQZ4a0QYQZcYQYfQYQXuYwXRQZQW+aIW+QbUW+cCXrQcwYhcwa5LcwaQZMeMb0LeMW0LcwW0LcwX"
   "LQcRWYbiWAQazVoZvVoQYZVoXmWYQW+XIW+YZQW+a2XzaoQYybYawbYLcwbYLcwbgQcwcgcHdDQbddmaSdmQ"
   "ZidmY+daQYGdOXcd2LXceMQYPegZ8eqQZue+abe+QcUe+dQd+QeMd0eMb0ZMa4ipLbEipLd8ftLc3ftLafho"
   "LZFftLYAftZ"},
  {0xe3, 628,
   "MbVaQQZmaQZ4a0QYQZcYQYfQYQXuYwXRQZQW+aIW+QbUW+cCXrQcwYhcwa5LcwaQZMeMb0LeMW0LcwW0LcwX"
   "LQcRWYbiWAQazVoZvVoQYZVoXmWYQW+XIW+YZQW+a2XzaoQYybYawbYLcwbYLcwbgQcwcgcHdDQbddmaSdmQ"
   "ZidmY+daQYGdOXcd2LXceMQYPegZ8eqQZue+abe+QcUe+dQd+QeMd0eMb0ZMadgjLaAh8Qa0hIZthNQZlhSZ"
   "ehSQZMhSZChAQZ4guZ2gELY4gEQY5hIYUhtQYuiSZciSQZuiSa8iKQaOiEahhzLb8hYQbIhObRhJQbZhEbgh"
   "EQbyhEc6hWQcEhocGiSLdEiSQdDhOcqgpQcQgEbigEQbQgEbAgMQawgSadgjZ"},
  {0xe4, 628,
   "MbVaQQZmaQZ4a0QYQZcYQYfQYQXuYwXRQZQW+aIW+QbUW+cCXrQcwYhcwa5LcwaQZMeMb0LeMW0LcwW0LcwX"
   "LQcRWYbiWAQazVoZvVoQYZVoXmWYQW+XIW+YZQW+a2XzaoQYybYawbYLcwbYLcwbgQcwcgcHdDQbddmaSdmQ"
   "ZidmY+daQYGdOXcd2LXceMQYPegZ8eqQZue+abe+QcUe+dQd+QeMd0eMb0ZMbOi8Lc+i8Lc+gZLbOgZZMYKi"
   "8LZwi8LZwgZLYKgZZ"},
  {0xe5, 628,
   "MbVaQQZmaQZ4a0QYQZcYQYfQYQXuYwXRQZQW+aIW+QbUW+cCXrQcwYhcwa5LcwaQZMeMb0LeMW0LcwW0LcwX"
   "LQcRWYbiWAQazVoZvVoQYZVoXmWYQW+XIW+YZQW+a2XzaoQYybYawbYLcwbYLcwbgQcwcgcHdDQbddmaSdmQ"
   "ZidmY+daQYGdOXcd2LXceMQYPegZ8eqQZue+abe+QcUe+dQd+QeMd0eMb0ZMbrhwQbriQbVimQb9j6afj6Qa"
   "8j6ZpimQZTiQZThwQZThQZph4Qa8gkafgkQb9gkbVh4QbrhQbrhwZMcohwQcoh0cAgOQbYfmaffmQZmfmZ8g"
   "OQYWh0YWhwQYWiqZ8jRQZmk3afk3QbYk3cAjRQcoiqcohwZ"},
  {0xe6, 1006,
   "MjRbAQjQcMind2Qi8dmh4dmQftdmf9d4QeQcOeKbAZMdodYQeMeEfCecQg0e+h2e+Qiqe+jsdrQkucikualL"
   "kua2LeGa2QeMYYfAXmQfyW+hOW+QiCW+i+XCQjmXPkYXqLkYWSQjmW8iyVyQi8VohJVoQg0Vof2WGQe4WkdT"
   "XgQcuWkc2WGQbCVoa5VoQYcVoXoWWQW+XFW+YZQW+a2XzaoQYybYawbYLcwbYLcwbgQcwcgcHdDQbddmaSdm"
   "QZidmY+daQYGdOXcd2LXceMQYPegZ8eqQZue+abe+Qbie+cXecQdMeEdodYZMbVaQQZmaQZ4a0QYQZcYQYfQ"
   "YQXuYwXRQZQW+aIW+QbUW+cCXrQcwYhcwa5LcwaQZ"},
  {0xe7, 563,
   "MdqeQLdqd4QdCdQcbdbQb+dmbMdmQZydmZBctQYQb+YQaOQYQYnZBXuQZyX0bMX0Qb+X0cbXAQdCXLdqXgLd"
   "qWMQdDW4caVwQbwVobCVoQZEVoY3X1QWuYGWuaOQWucWY4dlQZFe+bIe+Qbye+cberQdEeidqeQZMboW0QcD"
   "VXcQV7QceUiceUKQceTecATHQbiSwanSwQaQSwa4S+QZkT0ZPT6LZPU8QZgU0ZyTyQaFTuacTuQb4TubJU4Q"
   "bYUGbYUdQbYUsbNVCQbCVYasW0Z"},
  {0xe8, 630,
   "Mf0alLf0a2LYOa2QYUYZZIXnQa5X0bWX0QcMX0d7XCQdvXQegXqLegWSQduW8d4VyQcGVobRVoQZLVoY7X0Q"
   "WuYEWuaIQWucSY3djQZDe+bBe+Qcye+d+drQf0cif0alZMdabAQdYcMcvd2QcGdmbCdmQZ-dmZHd4QYYcOYS"
   "bAZMZzipLcAfuLa+fuLYQipZ"},
  {0xe9, 630,
   "Mf0alLf0a2LYOa2QYUYZZIXnQa5X0bWX0QcMX0d7XCQdvXQegXqLegWSQduW8d4VyQcGVobRVoQZLVoY7X0Q"
   "WuYEWuaIQWucSY3djQZDe+bBe+Qcye+d+drQf0cif0alZMdabAQdYcMcvd2QcGdmbCdmQZ-dmZHd4QYYcOYS"
   "bAZMcBipLdkipLbCftLZ-ftZ"},
  {0xea, 630,
   "Mf0alLf0a2LYOa2QYUYZZIXnQa5X0bWX0QcMX0d7XCQdvXQegXqLegWSQduW8d4VyQcGVobRVoQZLVoY7X0Q"
   "WuYEWuaIQWucSY3djQZDe+bBe+Qcye+d+drQf0cif0alZMdabAQdYcMcvd2QcGdmbCdmQZ-dmZHd4QYYcOYS"
   "bAZMaWipLbgipLdbftLcWftLb6hoLZiftLYcftZ"},
  {0xeb, 630,
   "Mf0alLf0a2LYOa2QYUYZZIXnQa5X0bWX0QcMX0d7XCQdvXQegXqLegWSQduW8d4VyQcGVobRVoQZLVoY7X0Q"
   "WuYEWuaIQWucSY3djQZDe+bBe+Qcye+d+drQf0cif0alZMdabAQdYcMcvd2QcGdmbCdmQZ-dmZHd4QYYcOYS"
   "bAZMbqi8LdQi8LdQgZLbqgZZMYni8LaMi8LaMgZLYngZZ"},
  {0xec, 284,
   "MX6ipLZJfuLY6fuLVaipZMXWemLYyemLYyW0LXWW0ZMYEe+Z"},
  {0xed, 284,
   "MZKipLauipLYKftLX8ftZMXWemLYyemLYyW0LXWW0ZMYEe+Z"},
  {0xee, 284,
   "MXWemLYyemLYyW0LXWW0ZMYEe+ZMXgipLYqipLakftLZeftLYEhoLWqftLVlftZ"},
  {0xef, 284,
   "MXWemLYyemLYyW0LXWW0ZMYEe+ZMY+i8LaZi8LaZgZLY+gZZMVwi8LXWi8LXWgZLVwgZZ"},
  {0xf0, 626,
   "McZdAQcAdIbqdMQbUdQbAdQQZsdQZ8caQYQbkYQaCQYQYkZ5XtQZmX0awX0Qc2X0ckXtQdPYkdPaCQdPbAdC"
   "buQc+cecZdAZMd2ewQe2dpeUchQewbZewaCQewYDdqW-QciVoawVoQZ6VoX-W-QWuYDWuaCQWucAX+dNQZ2e"
   "banebQawebb7eaQbKeYbfeWLaQfwLXwf4LXgfsLZsgaLYSiALaEiALbDh2LdqhvLe4h8LbmgOZ"},
  {0xf1, 649,
   "MeobILeoW0LdMW0LdMbFQdMcUctd6QcOdkbQdkQaGdkZac+QYwcEYwayLYwW0LXTW0LXTemLYwemLYwdPQZQ"
   "eCa7eaQaqe+bke+QdFe+e0e2Qeod6eobIZMbAgjLakh8QaYhIaQhNQaIhSaChSQZuhSZmhAQZcguZcgELYdg"
   "EQYehIZ2htQZRiSa8iSQaSiSaiiKQayiEbEhzLbghYQbshOb+hJQc6hEcChEQcWhEcehWQcohocoiSLdniSQ"
   "dmhOdMgpQczgEcGgEQbygEbigMQbSgSbAgjZ"},
  {0xf2, 626,
   "MawdmQZmdmZ4csQYQbyYQaOQYQYpZ4XvQZlX0awX0Qc3X0ckXwQdPYqdPaOQdPbxckcrQc3dmawdmZMawe+Q"
   "coe+dsdmQewcYewaOQewYEdsX0QcoVoawVoQZ1VoXzX0QWuYEWuaOQWucYXzdmQZ1e+awe+ZMZnipLb+fuLa"
   "ofuLYEipZ"},
  {0xf3, 626,
   "MawdmQZmdmZ4csQYQbyYQaOQYQYpZ4XvQZlX0awX0Qc3X0ckXwQdPYqdPaOQdPbxckcrQc3dmawdmZMawe+Q"
   "coe+dsdmQewcYewaOQewYEdsX0QcoVoawVoQZ1VoXzX0QWuYEWuaOQWucYXzdmQZ1e+awe+ZMb-ipLdYipLb"
   "0ftLZpftZ"},
  {0xf4, 626,
   "MawdmQZmdmZ4csQYQbyYQaOQYQYpZ4XvQZlX0awX0Qc3X0ckXwQdPYqdPaOQdPbxckcrQc3dmawdmZMawe+Q"
   "coe+dsdmQewcYewaOQewYEdsX0QcoVoawVoQZ1VoXzX0QWuYEWuaOQWucYXzdmQZ1e+awe+ZMaKipLbUipLd"
   "PftLcKftLawhoLZWftLYQftZ"},
  {0xf5, 626,
   "MawdmQZmdmZ4csQYQbyYQaOQYQYpZ4XvQZlX0awX0Qc3X0ckXwQdPYqdPaOQdPbxckcrQc3dmawdmZMawe+Q"
   "coe+dsdmQewcYewaOQewYEdsX0QcoVoawVoQZ1VoXzX0QWuYEWuaOQWucYXzdmQZ1e+awe+ZMaugjLaRh8Qa"
   "GhIa8hNQa0hSZvhSQZchSZThAQZKguZJgELYKgEQYMhIYlhtQZ8iSZsiSQa9iSaPiKQafiEayhzLbOhYQbZh"
   "ObhhJQbqhEbwhEQcDhEcMhWQcVhocWiSLdUiSQdUhOd4gpQcggEbzgEQbggEbQgMQbAgSaugjZ"},
  {0xf6, 626,
   "MawdmQZmdmZ4csQYQbyYQaOQYQYpZ4XvQZlX0awX0Qc3X0ckXwQdPYqdPaOQdPbxckcrQc3dmawdmZMawe+Q"
   "coe+dsdmQewcYewaOQewYEdsX0QcoVoawVoQZ1VoXzX0QWuYEWuaOQWucYXzdmQZ1e+awe+ZMbei8LdEi8Ld"
   "EgZLbegZZMYbi8LaAi8LaAgZLYbgZZ"},
  {0xf7, 858,
   "MbmeuLdgeuLdgcyLbmcyZMbmZ6LdgZ6LdgXBLbmXBZMXibiLhkbiLhkaMLXiaMZ"},
  {0xf8, 626,
   "Md4cGLZHXeQZcXKZ-XAQaPX0awX0Qc3X0ckXwQdPYqdPaOQdPa-dKbSQdFbwd4cGZMcXd6QcCdRbodbQbOdm"
   "awdmQZkdmZ4crQYQbwYQaGQYQZiYUZHQYZYsYjYUZMXkXJQXKXwX6YhQWuZSWuaOQWucYXzdmQZ1e+awe+Qb"
   "ee+cGenQcueadPeALeUfULfEesLe5dTQeWcsejc5QewbKewaOQewYEdsX0QcoVoawVoQaAVoZXV+QYvWCYQW"
   "bLXKVHLWaVuZ"},
  {0xf9, 649,
   "MXNZTLXNemLYpemLYpZWQYpYHZIXfQZnX2alX2QbwX2cbXnQdGYWdGZoLdGemLeiemLeiW0LdGW0LdGXMQck"
   "WZc2WAQbMVoaSVoQYxVoY9WkQXNXgXNZTZMa+e+ZMZripLc2fuLasfuLYIipZ"},
  {0xfa, 649,
   "MXNZTLXNemLYpemLYpZWQYpYHZIXfQZnX2alX2QbwX2cbXnQdGYWdGZoLdGemLeiemLeiW0LdGW0LdGXMQck"
   "WZc2WAQbMVoaSVoQYxVoY9WkQXNXgXNZTZMa+e+ZMc3ipLdcipLb4ftLZtftZ"},
  {0xfb, 649,
   "MXNZTLXNemLYpemLYpZWQYpYHZIXfQZnX2alX2QbwX2cbXnQdGYWdGZoLdGemLeiemLeiW0LdGW0LdGXMQck"
   "WZc2WAQbMVoaSVoQYxVoY9WkQXNXgXNZTZMa+e+ZMaOipLbYipLdTftLcOftLa+hoLZaftLYUftZ"},
  {0xfc, 649,
   "MXNZTLXNemLYpemLYpZWQYpYHZIXfQZnX2alX2QbwX2cbXnQdGYWdGZoLdGemLeiemLeiW0LdGW0LdGXMQck"
   "WZc2WAQbMVoaSVoQYxVoY9WkQXNXgXNZTZMa+e+ZMbii8LdIi8LdIgZLbigZZMYfi8LaEi8LaEgZLYfgZZ"},
  {0xfd, 606,
   "MbAVCQaYTeZ+TAQZOShYQShLXHShLXHTuLY7TuQYjTuZ2UAQZNUSZmVVLa1W9LWUemLY0emLalXwLdUemLf0"
   "emZMbqipLdOipLarftLZeftZ"},
  {0xfe, 650,
   "MYwXKLYwShLXTShLXTiALYwiALYwdRQZMeDa3ebQale+bie+QdIe+eIdiQfIcSfIaOQfIYKeIX2QdIVobiVo"
   "QalVoa3WAQZMWYYwXKZMdoaOQdobzd9ctQcVdmbMdmQaDdmZZctQYwbzYwaOQYwYoZZXuQaDW+bMW+QcVW+d"
   "9XuQdoYodoaOZ"},
  {0xff, 606,
   "MbAVCQaYTeZ+TAQZOShYQShLXHShLXHTuLY7TuQYjTuZ2UAQZNUSZmVVLa1W9LWUemLY0emLalXwLdUemLf0"
   "emZMbUi8Ld4i8Ld4gZLbUgZZMYQi8La0i8La0gZLYQgZZ"},
  {0x391, 700,
   "MbUg7LZLaKLdeaKZMabhgLcOhgLgqW0LfBW0Le7Z0LYsZ0LXoW0LW8W0Z"},
  {0x392, 702,
   "MZAbaLZAXJLbiXJQczXJdaXrQeCYMeCZSQeCaYdab3QczbabibaZMZAgOLZAcsLbVcsQcfcsdDdIQdodkdoe"
   "dQdofWdDfyQcfgObVgOZMXahgLbchgQdQhgeOgwQfNgAfNeoQfNdketd5QeNcSdPcIQeac2fDbGQfsaTfsZH"
   "QfsXjeoWsQdkW0bmW0LXaW0Z"},
  {0x393, 570,
   "MXaW0LXahgLerhgLergMLZAgMLZAW0Z"},
  {0x394, 700,
   "MbUg7LYHXKLeiXKZMW8W0LabhgLcOhgLgqW0Z"},
  {0x395, 647,
   "MXahgLeyhgLeygMLZAgMLZAcuLejcuLejbaLZAbaLZAXLLf6XLLf6W0LXaW0Z"},
  {0x396, 702,
   "MWwhgLg4hgLg4gULYiXLLgGXLLgGW0LWkW0LWkXDLe6gMLWwgMZ"},
  {0x397, 770,
   "MXahgLZAhgLZAcuLeucuLeuhgLgUhgLgUW0LeuW0LeubaLZAbaLZAW0LXaW0Z"},
  {0x398, 806,
   "MZYcuLf4cuLf4bZLZYbZZMcKgcQacgcZbfKQYae2YabqQYaZeZbYMQacX4cKX4Qe2X4f2YMQg2Zeg2bqQg2e"
   "2f2fKQe2gccKgcZMcKhuQemhugEgFQhiechibqQhiZ4gEXRQemVocKVoQZsVoYOXQQWwZ4WwbqQWwecYOgFQ"
   "ZshucKhuZ"},
  {0x399, 302,
   "MXahgLZAhgLZAW0LXaW0Z"},
  {0x39a, 672,
   "MXahgLZAhgLZAclLeOhgLgQhgLaecELgrW0LemW0LZAbeLZAW0LXaW0Z"},
  {0x39b, 700,
   "MXoW0LW8W0LabhgLcOhgLgqW0LfBW0LbUg7Z"},
  {0x39c, 884,
   "MXahgLZxhgLcwZkLfvhgLiGhgLiGW0LgjW0LgjgGLdiYGLc7YGLZ6gGLZ6W0LXaW0Z"},
  {0x39d, 766,
   "MXahgLZihgLeuXwLeuhgLgQhgLgQW0LeIW0LZ6fmLZ6W0LXaW0Z"},
  {0x39e, 647,
   "MYPcuLdycuLdybaLYPbaZMXahgLenhgLengMLXagMZMXaXLLenXLLenW0LXaW0Z"},
  {0x39f, 806,
   "McKgcQacgcZbfKQYae2YabqQYaZeZbYMQacX4cKX4Qe2X4f2YMQg2Zeg2bqQg2e2f2fKQe2gccKgcZMcKhuQ"
   "emhugEgFQhiechibqQhiZ4gEXRQemVocKVoQZsVoYOXQQWwZ4WwbqQWwecYOgFQZshucKhuZ"},
  {0x3a0, 770,
   "MgUhgLgUW0LeuW0LeugMLZAgMLZAW0LXaW0LXahgZ"},
  {0x3a1, 618,
   "MZAgOLZAb-Lb8b-QcFb-cscaQdSd8dSeCQdSfEcsfpQcFgOb8gOZMXahgLb8hgQd6hge6goQf6fvf6eCQf6c"
   "Te6baQd6aib8aiLZAaiLZAW0LXaW0Z"},
  {0x3a3, 647,
   "MZOXLLf6XLLf6W0LXaW0LXaXLLbKcDLXagMLXahgLeyhgLeygMLZOgMLd8cFZ"},
  {0x3a4, 626,
   "MVzhgLfqhgLfqgMLbigMLbiW0La6W0La6gMLVzgMZ"},
  {0x3a5, 626,
   "MV+hgLXghgLawcuLe7hgLfqhgLbibaLbiW0La6W0La6baZ"},
  {0x3a6, 806,
   "MbXf7QaMeyZbeHQYadOYabqQYaaIZbZOQaMYjbXYYZMd6YYQeHYjf2ZOQg2aIg2bqQg2dOf2eHQeHeyd6f7Z"
   "MbXXFQZdXQYOYTQWwZjWwbqQWwdyYOfCQZcgGbXgRLbXhgLd6hgLd6gRQf0gGgEfCQhidyhibqQhiZkgEYTQ"
   "f0XQd6XELd6W0LbXW0Z"},
  {0x3a7, 702,
   "MX0hgLYjhgLbcdLLeXhgLgEhgLcUc4LgUW0LenW0LbVa+LYCW0LWUW0LafcEZ"},
  {0x3a8, 806,
   "MbXW0QbYX3bXYRQZsYRYOa4QWybgWweULWwhgLYahgLYaeUQYacHZba-QaSZvbXZoLbXhgLd6hgLd6ZoQeBZ"
   "vf2a-Qg3cHg3eULg3hgLhkhgLhkeUQhhbggFa4QenYRd6YRQd6Xtd6W0Z"},
  {0x3a9, 782,
   "MheXPLheW0LcyW0LcyXPQeKYAf6ZSQftamftcKQfteCerfLQdpgUc7gUQaRgUZPfLQYMeCYMcKQYMamZ8ZSQ"
   "ZwYAbJXPLbJW0LWdW0LWdXPLZ6XPQXuYUXJZfQWlaqWlcGQWlekYFgHQZkhqc7hqQeUhqf-gHQhVelhVcKQh"
   "VaqgyZgQgOYWf8XPZ"},
  {0x3b1, 675,
   "Mcda4LcHbuQbwdkaYdkQZUdkZ0cuQYQboYQaOQYQYgY-XrQZbX0aYX0QbaX0c8YgZMdQcULeCemLfUemLdua"
   "0LeCYJQeGXweYXcQesXEf6XELfoXELfoW0LexW0QeCW0dYWgQdEW-d5XhQckWqb-W8QbfVqaYVqQYiVqXpX0"
   "QWuYEWuaOQWucgXudmQY+eyaYeyQczeydQcUZ"},
  {0x3b2, 654,
   "MYyWYLYyShLXWShLXWeiQXWiGariGQeEiGeEfGQeEd7cucLQf4bef4ZYQf4VsbJVsQZfVsYyWYZMYyYQQZqX"
   "4bMX4QdcX4dcZXQdcbkZ+bZLZ+cuQcqcucqfOQcqh6a-h6QYyh6YyegZ"},
  {0x3b3, 606,
   "MYqdOLalX+LdUemLf0emLbTW0LbTShLa1ShLa1W0LXkcYQXOdXWedXLWGdXLWGemLWpemQYMemYqdOZ"},
  {0x3b4, 626,
   "Mdsg8Qd3gibCgiQZDgiZDfnQZDf3bHehQcveOdqdWQewcTewaIQewYEdsX0QcoVoawVoQZ2VoXzX0QWuYEWu"
   "aOQWub+XzdGQYOdmYze2QXlegXlfmQXlhubChuQcwhudshLZMa2dfQZWdQZ4csQYQb+YQaOQYQYoZ4XvQZlX"
   "0awX0Qc3X0ckXwQdPYqdPaIQdPbsciccQbxdQaydVQaSdYa2dfZ"},
  {0x3b5, 554,
   "MZ6akQYEawXmbQQXIbwXIcfQXIdmYAeNQZ3e+abe+QbBe+bseuQcWeodHecLdHdIQcWdXbudeQbGdkaidkQZ"
   "ndkZEdNQYid0YicWQYibzZEbcQZlbGafbGLbsbGLbsa4Laia4QZea4Z4ZhQYTZFYTYZQYTXsZ7XQQZoW+azW"
   "+QbiW+cMX7Qd0XGdaXZLdaWEQctW0cDVuQbYVoawVoQZ4VoY3WVQX2XCX2YZQX2ZPXbZ+QY8aYZ6akZ"},
  {0x3b6, 557,
   "MbbX0QcdW-dEWQQduVoduUsQduTydKTKQciSfbQSfQbQTEbQTqQbyTocIU8QcYUQcYUiQcYV6cIVSQc2Vobb"
   "VoQWsVoWsaBQWse1bJgkLX9gkLX9iALdyiALdygkQYIduYIaBQYIX0bbX0Z"},
  {0x3b7, 649,
   "MeobILeoShLdMShLdMbFQdMcUctd6QcOdkbQdkQaGdkZac+QYwcEYwayLYwW0LXTW0LXTemLYwemLYwdPQZQ"
   "eCa7eaQaqe+bke+QdFe+e0e2Qeod6eobIZ"},
  {0x3b8, 626,
   "MdObZLYQbZQYYZEZ4YEQZlX0awX0Qc4X0ckYEQdIZKdObZZMdNcuQd9f6ckfuQc3h7awh7QZjh7Z4fvQYaew"
   "YRcuZMawiIQcoiIdsgeQewe+ewc4QewZ9dsXVQcoVqawVqQZ1VqXzXVQWuZ9Wuc4QWue+XzgeQZ1iIawiIZ"},
  {0x3b9, 346,
   "MYoemLYoZ6QYoXzZ2XcQZKXEaAXELatXELatW0La0W0QYcW0XyWmQXKXXXKZBLXJemZ"},
  {0x3ba, 604,
   "MXWemLY+emLY+b8LcmemLeWemLb4bTLf2W0LdIW0La3aXLY+ZWLY+W0LXWW0Z"},
  {0x3bb, 606,
   "MazgoLf0W0LdUW0Lb1cULY0W0LWUW0LaKePLZlfyQZOgxYYgxLXogxLXoiALYii9QaUi8azgoZ"},
  {0x3bc, 652,
   "MXNShLXNemLYpemLYpZKQYpYCZMXcQZuX2ayX2Qc6X2chXiQdGYMdGZgLdGemLeiemLeiY1QeiXZerXLQe+X"
   "6fGX6QfKX6fSX9QfaXCfoXILfoW8QfUVyfCVtQewVoeeVoQe6VodnW5QdSWOdLX0QcyWPcOW5QbqVob2VoQa"
   "GVoZiW5QZ8WOYpX0LYpShZ"},
  {0x3bd, 572,
   "MZGW0LWbemLY8emLaOXQQbKYOc6ZkQciakckbcQcmc1cacpQcMdkbWemLc+emLc+emQdWe4dtd6QeCcCeCbc"
   "QeCa4d8YiQbmWwaoW0Z"},
  {0x3be, 571,
   "MbjX0QclW-dMWQQe0Voe0UsQe0TydSTKQcqSfbYSfQbYTEbYTqQc4TocQU8QcgUQcgUiQcgV6cQVSQcAVobj"
   "VoQWsVoWsZCQWsbYZScEQXGcWXGeYQXGg4Y+gkLXMgkLXMiALdWiALdWgkQYcgkYceSQYccyckcuLckbZQYH"
   "bkYIZCQYIX4bjX0Z"},
  {0x3bf, 626,
   "MawdmQZmdmZ4csQYQbyYQaOQYQYpZ4XvQZlX0awX0Qc3X0ckXwQdPYqdPaOQdPbxckcrQc3dmawdmZMawe+Q"
   "coe+dsdmQewcYewaOQewYEdsX0QcoVoawVoQZ1VoXzX0QWuYEWuaOQWucYXzdmQZ1e+awe+Z"},
  {0x3c0, 616,
   "MWbemLe+emLe+dKLdtdKLdtXyQdtXOe3X8QeGWuehWuQeoWue+WwQf8WxfCWyLfCVvQewVoeeVmQeMVie3Vi"
   "Qd7VicmWDQcPWkcPY6LcPdKLZAdKLZAW0LXiW0LXidKLWbdKZ"},
  {0x3c1, 650,
   "MYAdCQYed-ZqeiQaIe+bie+QdIe+eIdiQfIcSfIaOQfIYKeIX2QdIVobiVoQalVoa3WAQZMWYYwXKLYwShLX"
   "TShLXTaIQXTc6YAdCZMdoaOQdobzd9ctQcVdmbMdmQaDdmZZctQYwbzYwaOQYwYoZZXuQaDW+bMW+QcVW+d9"
   "XuQdoYodoaOZ"},
  {0x3c2, 601,
   "MbKVoQZEVoY3X1QWuYGWuaOQWucWY4dlQZFe+bIe+Qbye+cberQdEeidqeQLdqd4QdCdQcbdbQb+dmbMdmQZ"
   "ydmZBctQYQb+YQaOQYQYnZBXuQZyX0bKX0QcMX0c+WQQdeVodeUsQdeTyd2TKQcQSfb9SfQb9TEb9TqQbiTo"
   "c0U8QcGUQcGUiQcGV6c0VSQbnVobKVoZ"},
  {0x3c3, 649,
   "MawddQZkddZ4cmQYQbsYQaOQYQYpZ4XvQZlX0awX0Qc3X0ckXwQdPYqdPaOQdPbpckcmQc6ddawddZMawemL"
   "fhemLfhdKLe4dKQewc6ewaOQewYEdsX0QcoVoawVoQZ1VoXzX0QWuYEWuaOQWucYXzdmQYsemawemZ"},
  {0x3c4, 616,
   "MbpXcQc5XEcxXELdeXELdeW0LcmW0QbMW0ajWmQa4XXa4ZBLa4dKLWodKLWoemLesemLesdKLbYdKLbYZ6Qb"
   "YXzbpXcZ"},
  {0x3c5, 592,
   "MYfemLYfZ6QYfY2Z2XYQZUX0aJX0QbUX0cIYeQcmZYcub0QcybpcicpQcUdkbgemLd6emLd6emQdge3e0d6Q"
   "eLcCeLa-QeLZ0dLXZQc7Vna8VoQYkVoXyWkQXBXeXBZBLXAemZ"},
  {0x3c6, 676,
   "McUdcQb+dcb+cTLb+X6QckX6dTXwQe8Yee8aOQe8c0dScuQcwdccUdcZMcUeqQdaeqeadoQfecifeaOQfeYG"
   "eaX0QdaVqb+VqLb+ShLaYShLaYVqQY-VqXyX0QWuYEWuaOQWuccXydmQYleca2eqLa2dYQZXdNZ4cmQYPbsY"
   "PaOQYPYoZ4XvQZgX6aYX6LaYcTQaYeqcUeqZ"},
  {0x3c7, 592,
   "MbkU3LaaX2LYASgLWUSgLZsYsLYScYQY3dXWsdXLWUdXLWUemLX0elQZ2eiZYdOLaiaOLd6emLeoemLbPYaL"
   "cqUvQdCTweQTwLeoTwLeoShLeFSiQcESmbkU3Z"},
  {0x3c8, 676,
   "MaYVqQYlW6XwWsQWuXoWuZiLWuemLYLemLYLZlQYLYKZ0XkQZaXCaYX6LaYemLb+emLb+X6Qd0XDdXXkQeCY"
   "OeCZmLeCemLfeemLfeZiQfeXkedWtQdiW6b+VqLb+ShLaYShZ"},
  {0x3c9, 858,
   "MaJVoQX4VoX4aQQX4cGYHemLZqemQYicGYiaOQYiX0aSX0Qc1X0c1bCLdMbCQdMX0eyX0QggX0ggaOQggcGf"
   "ZemLh6emQiKcGiKaQQiKVof4VoQcyVociY7QcNVoaJVoZ"},
  {0x2070, 410,
   "MY6gWQXifsXieWQXid9Y6cUQYVbpZIbpQa4bpaTcUQasd9aseWQasfsaTgWQa4hCZIhCQYVhCY6gWZMZIhuQ"
   "aYhubCh0Qbtg9bteWQbtcsbCb+QaYb6ZIb6QY0b6XMb+QWicsWieWQWig9XMh0QY0huZIhuZ"},
  {0x2074, 410,
   "MZkgpLXKdYLZkdYZMZahmLashmLasdYLbwdYLbwchLaschLasbELZkbELZkchLWWchLWWdeZ"},
  {0x2075, 410,
   "MX7hmQX7hmb6hmLb6h0LY2h0LY2fQQYGfUYVfWQYjfYYxfYQaCfYaweyQbgeMbgdKQbgcHavbiQa9b6Ynb6Q"
   "YJb6XqbBQXKbGWpbOLWpcHQXGc4XkbyQYEbsYmbsQZebsa8cGQaecfaedKQaee0a8eQQZeepYmepQYMepXye"
   "kQXYefX7eUZ"},
  {0x2076, 410,
   "MZQesQYkesYKeSQXwe2XwdKQXwceYKcEQYkbpZQbpQa5bpaUcEQauceaudKQaue2aUeSQa5esZQesZMbQheQ"
   "bQhebQgqQb2g+afh3QaGh8Zuh8QYuh8YMgZQXqfzXkemQY2f9YUfMQYxfZZTfZQacfZbGezQbweMbwdKQbwc"
   "LbEbkQaYb6ZQb6QY6b6XQb+QWkcsWkeWQWkg2XagzQYQhuZrhuQaEhuachqQb0hmbQheZ"},
  {0x2077, 410,
   "MWshmQWshmbghmLbghOLYybELXubELaSh0LWsh0Z"},
  {0x2078, 410,
   "MY8d-QXkdgXkd4QXkcUY8c8QYZbpZIbpQa0bpaQc9QarcUard4QardgaQd-Qa0eLZIeLQYZeLY8d-ZMYGekQ"
   "XcesXGfFQWufeWugCQWug+XXhRQYAhuZIhuQaPhub2hRQbgg+bggCQbgfdbKfFQayesaIekQb0eabSe8Qbsd"
   "ibsd4Qbsc8bCbdQaWb6ZIb6QY2b6XObdQWic8Wid4QWidhX7e8QXYeaYGekZMXug6QXufdYGfKQYdf2ZIf2Q"
   "Zwf2aIfKQagfcagg6QaggcaIgvQZxhCZIhCQYehCYGgvQXugdXug6Z"},
  {0x2079, 410,
   "MX8bNQX8bNX8cAQXXc0XwbxQYJbsYhbsQZibsaEcSQald1aqeEQaYdsa4dfQZedSZ6dSQX+dSXKe2QWgeeWg"
   "fgQWgggXLhHQY1huZAhuQaThub8h0Qbqg9bqeVQbqcya-c2Qa9b6Ykb6QYMb6XybAQXabFX8bNZMZAe8QZse"
   "8aFeYQaeeyaefgQaegNaFgnQZshCZAhCQYVhCY4gnQXggNXgfgQXgeyY4eYQYUe8ZAe8Z"},
  {0x207a, 540,
   "MaegsLaeeQLdOeQLdOdgLaedgLaebELZqbELZqdgLX4dgLX4eQLZqeQLZqgsZ"},
  {0x207b, 540,
   "MX4eQLdOeQLdOdgLX4dgZ"},
  {0x2080, 410,
   "MY6bIQXiaeXiZIQXiXxY6XGQYVWbZIWbQa4WbaTXGQasXxasZIQasaeaTbIQa4b+ZIb+QYVb+Y6bIZMZIcgQ"
   "aYcgbCboQbtaxbtZIQbtXebCWmQaYVuZIVuQY0VuXMWmQWiXeWiZIQWiaxXMboQY0cgZIcgZ"},
  {0x2081, 410,
   "MXEWtLYqWtLYqbeLX4bKLX4cELYucYLZycYLZyWtLbYWtLbYW0LXEW0Z"},
  {0x2082, 410,
   "MY6WvLbQWvLbQW0LWlW0LWlWtQX0X6XWXYQaCZxaCagQaCbBZobVQZObqYjbqQYJbqXqbhQXMbYWobGLWocE"
   "QXOcSXwcZQYRcgYucgQa0cgaic9QbNbebNaoQbNZiYoXUQYMX6Y6WvZ"},
  {0x2083, 410,
   "Ma6ZYQaqZPbDY+QbcYYbcXwQbcWyatWQQa8VuYlVuQYIVuXpV+QXKW3WnWDLWnXAQXBWyXfWsQY6WlYeWlQZ"
   "UWlZyX3QaQXMaQXwQaQYUZ-YoQZZZ4YjZ4LY2Z4LY2ZwLYnZwQZWZwZuaAQaGaQaGauQaGbLZubaQZUbqYlb"
   "qQYRbqY2blQXebgX0bVLX0cOQXacXY4ccQYacgZ0cgQa8cgaocCQbSblbSa+QbSaRb6a3QalZha6ZYZ"},
  {0x2084, 410,
   "MZkbbLXKYKLZkYKZMZacYLascYLasYKLbwYKLbwXTLasXTLasW0LZkW0LZkXTLWWXTLWWYQZ"},
  {0x2085, 410,
   "MX7cYQX7cYb6cYLb6boLY2boLY2aCQYGaGYVaIQYjaKYxaKQaCaKawZkQbgZ8bgY6QbgX3avWUQa9VuYnVuQ"
   "YJVuXqVzQXKW2WpWALWpX3QXGWsXkWkQYEWeYmWeQZeWea8X2QaeXRaeY6QaeYoa8ZCQZeZbYmZbQYMZbXyZ"
   "WQXYZRX7ZGZ"},
  {0x2086, 410,
   "MZQZeQYkZeYKZEQXwYqXwY6QXwXQYKX0QYkWbZQWbQa5WbaUX0QauXQauY6QauYqaUZEQa5ZeZQZeZMbQcQQ"
   "bQcQbQbcQb2bmafbrQaGbwZubwQYubwYMbLQXqalXkZYQY2ZxYUa8QYxaLZTaLQacaLbGZlQbwZ8bwY6QbwX"
   "7bEWWQaYVuZQVuQY6VuXQWmQWkXeWkZIQWkaqXablQYQcgZrcgQaEcgacccQb0cYbQcQZ"},
  {0x2087, 410,
   "MWscYQWscYbgcYLbgcALYyW0LXuW0LaSboLWsboZ"},
  {0x2088, 410,
   "MY8YnQXkYSXkXsQXkXGY8WwQYZWbZIWbQa0WbaQWxQarXGarXsQarYSaQYnQa0Z7ZIZ7QYZZ7Y8YnZMYGZWQ"
   "XcZeXGa1QWuaQWua+QWubmXXcDQYAcgZIcgQaPcgb2cDQbgbmbga+QbgaPbKa1QayZeaIZWQb0ZMbSYwQbsY"
   "UbsXsQbsWwbCWPQaWVuZIVuQY2VuXOWPQWiWwWiXsQWiYTX7YwQXYZMYGZWZMXuauQXuaPYGa6QYdZqZIZqQ"
   "ZwZqaIa6QagaOagauQagbOaIbhQZxb+ZIb+QYeb+YGbhQXubPXuauZ"},
  {0x2089, 410,
   "MX8W9QX8W9X8WyQXXWoXwWjQYJWeYhWeQZiWeaEXEQalXpaqZ0QaYYea4YRQZeYEZ6YEQX+YEXKYqQWgZQWg"
   "aSQWgbSXLc3QY1cgZAcgQaTcgb8boQbqaxbqZHQbqXka-WqQa9VuYkVuQYMVuXyVyQXaW1X8W9ZMZAYwQZsY"
   "waFZKQaeZkaeaSQaeb9aFbZQZsb+ZAb+QYVb+Y4bZQXgb9XgaSQXgZkY4ZKQYUYwZAYwZ"},
  {0x2013, 512,
   "MWoayLdEayLdEZqLWoZqZ"},
  {0x2014, 1024,
   "MWoayLlEayLlEZqLWoZqZ"},
  {0x2018, 326,
   "MZ0dqLXNdqLXNfBLYfhgLZghgLZ0fBZ"},
  {0x2019, 326,
   "MY2hgLZihgLZigULYQd-LXPd-LY2gUZ"},
  {0x201c, 530,
   "MZ0dqLXNdqLXNfBLYfhgLZghgLZ0fBZMcEdqLaadqLaafBLbshgLcshgLcEfBZ"},
  {0x201d, 530,
   "MY0hgLZghgLZggKLYOdqLXNdqLY0gKZMbDhgLcshgLcsgKLbadqLaadqLbDgKZ"},
  {0x2026, 1024,
   "MdBX-LerX-LerW0LdBW0ZMiWX-LkAX-LkAW0LiWW0ZMXsX-LZWX-LZWW0LXsW0Z"},
  {0x2190, 858,
   "MWoagLWobOLZseSLaodWLY+biLiWbiLiWaMLY+aMLaoYYLZsXcZ"},
  {0x2192, 858,
   "MiebOLieagLfaXcLeeYYLgSaMLWwaMLWwbiLgSbiLeedWLfaeSZ"},
  {0x2202, 530,
   "MZQVoQYKVoXcWSQWmXEWmYgQWma9XWbJQYHcVZgcVQaacVbIbwQbkbbc0b1Qc6bgc6cOQc6dRbse2QbJfOZr"
   "fOQZIfOYQf2LYQgMQZKgca8gcQcEgcd8ehQdYdndYcQQdYbYdMaWQcsXybaWkQaaVoZQVoZMY5YRQY5XfYRX"
   "EQYoWoZMWoQZsWoaGX8QaqXdbEYQQbaZ3bmZmQb3bRZsbRQYqbRYNa4QY5ZEY5YRZ"},
  {0x2207, 685,
   "MbMXgLedg8LY5g8ZMaUW0LVzhWLgmhWLcEW0Z"},
  {0x2212, 858,
   "MXibiLhkbiLhkaMLXiaMZ"},
  {0x221a, 652,
   "Meki+LgCi+LgCiELfJiELagViLa9ViLXgcbLWhcELWUcsLYideLaiY5Z"},
  {0x221e, 853,
   "MdIYkQd3Z0cgZgQc9YkbiYKQb6XqaDXqQZAXqYTYcQXkZSXkapQXkc7YTd0QZ7doaEdoQaodobEdaQbjdJc2"
   "csQcMcTcgbwQdCcsdgdHQeEdnf8dnQgCdnguc+QhdcAhdaoQhdZUguYbQgEXof7XoQeYXoe8Y2QdiYFdIYkZ"
   "Ma8YsQbQYscCakQbCcma8cmQZMcmYycCQYWbcYWapQYWZxYyZOQZOYsa8YsZMfEcmQe3cmdAauQe8YqfEYqQ"
   "g0YqgPZOQgqZ-gqaoQgqbggPcCQfzcmfEcmZ"},
  {0x2248, 858,
   "MhkauLhkZUQgvYtgCYcQfWYKelYKQduYKclYoQcgYqccYsQcaYscSYwQbEZOaWZOQZqZOZ8Z5QYUYoXiY8LX"
   "iZYQYXa8ZEaQQZwahahahQbYahciaEQcnaBcqaAQcsa9c+a6QeCZeewZeQfcZegGZwQgwaDhkauZMhkdwLhk"
   "cXQgvbwgCbeQfWbNelbNQdubNclbqQcgbsccbuQcabvcSbyQbEcQaWcQQZqcQZ8c8QYUbqXibBLXicaQYXdB"
   "ZEdSQZwdkahdkQbYdkcidGQcmdEcpdDQcsdCc+d8QeCcgewcgQfccggGczQgwdGhkdwZ"},
  {0x2260, 858,
   "MXidHLdkdHLfkfkLgjeyLfMdHLhkdHLhkbzLeIbzLcma5Lhka5LhkYmLbgYmLZgWKLYhX6La2YmLXiYmLXia"
   "5Lb8a5LcfbzLXibzZ"},
  {0x2264, 858,
   "MhkdyLaEboLhkZeLhkYGLXib8LXicSLhkfKZMXiXLLhkXLLhkW0LXiW0Z"},
  {0x2265, 858,
   "MXidyLXifKLhkcSLhkb8LXiYGLXiZeLfDboZMhkXLLhkW0LXiW0LXiXLZ"},
  {0xfffd, 1050,
   "MeDkcLmBceLeDUgLWFceZMdQX-LdQW0Lf0W0Lf0X-ZMeyZ8Leya6QeyaWe+alQf0a+f2b8Qf6bLfGbYQfSbo"
   "foc7LgUcoQhCdVhSd-QhkeYhkf8QhkgNgth8Qf-hueZhuQdmhuc-hgQcFhSbWh0LbWfYQcGg3czgKQdggceI"
   "gcQf8gcfegAQg9flg9f2Qg9egfyeIQfmdxfJdWLeccqQdvc9dhbeQdTb8dTaMLdTZ8Z"},
}};
// clang-format on

}  // namespace descent::pictures
