"""The words of the demo catalogue: each object and pair of categories in English and Chinese."""

from __future__ import annotations

NOUNS: dict[str, tuple[tuple[str, ...], tuple[str, ...]]] = {
    "phone": (("smartphone", "mobile phone", "5G phone"), ("智能手机", "5G手机", "全面屏手机")),
    "laptop": (("laptop", "notebook computer", "ultrabook"), ("笔记本电脑", "轻薄本", "商务笔记本电脑")),
    "headphones": (
        ("headphones", "wireless headset", "over-ear headphones"),
        ("头戴式耳机", "无线耳机", "降噪耳机"),
    ),
    "camera": (("digital camera", "mirrorless camera", "compact camera"), ("数码相机", "微单相机", "照相机")),
    "speaker": (
        ("bookshelf speaker", "bluetooth speaker", "hi-fi speaker"),
        ("蓝牙音箱", "书架音响", "无线音箱"),
    ),
    "shirt": (("T-shirt", "crew-neck shirt", "jersey top"), ("短袖T恤", "圆领上衣", "纯棉T恤")),
    "trousers": (("trousers", "jeans", "chinos"), ("长裤", "牛仔裤", "休闲裤")),
    "dress": (("summer dress", "pleated dress", "midi dress"), ("连衣裙", "百褶裙", "夏季长裙")),
    "shoe": (("running shoes", "sneakers", "trainers"), ("跑步鞋", "运动鞋", "休闲鞋")),
    "cap": (("baseball cap", "sun hat", "sports cap"), ("棒球帽", "遮阳帽", "鸭舌帽")),
    "novel": (("novel", "crime thriller", "short stories"), ("长篇小说", "悬疑小说", "短篇小说集")),
    "stack": (("box set of novels", "complete works", "trilogy"), ("小说套装", "作品全集", "三部曲")),
    "open book": (("illustrated atlas", "picture book", "cookery book"), ("图解百科", "儿童绘本", "菜谱书")),
    "shelf": (
        ("encyclopaedia", "series of classics", "poetry collection"),
        ("百科全书", "名著丛书", "诗歌集"),
    ),
    "notebook": (("workbook", "exercise book", "study guide"), ("练习册", "学习手册", "习题集")),
    "lamp": (("table lamp", "bedside lamp", "reading lamp"), ("台灯", "床头灯", "护眼灯")),
    "chair": (("dining chair", "wooden chair", "kitchen chair"), ("餐椅", "实木椅子", "靠背椅")),
    "mug": (("coffee mug", "tea mug", "stoneware mug"), ("咖啡杯", "马克杯", "陶瓷茶杯")),
    "vase": (("flower vase", "ceramic vase", "bud vase"), ("花瓶", "陶瓷花瓶", "插花瓶")),
    "clock": (("wall clock", "kitchen clock", "quiet wall clock"), ("挂钟", "静音挂钟", "客厅时钟")),
    "electronics/home": (
        ("smart starter set", "compact comfort unit", "cordless helper", "desk companion"),
        ("智能套装", "多功能小助手", "无线便携款", "桌面好物"),
    ),
    "clothing/books": (
        ("winter gift edition", "classic collection", "limited collector's set", "weekend favourite"),
        ("冬日礼盒", "经典系列", "限量珍藏版", "周末精选"),
    ),
}

QUALITIES: dict[str, tuple[tuple[str, ...], tuple[str, ...]]] = {
    "electronics": (
        (
            "Fast charging and a battery that lasts all day",
            "A bright display and a quick processor",
            "Bluetooth 5.3 with a stable signal",
            "Crisp sound, sharp pixels, simple set-up",
            "Software updates for three years",
            "Comes with a USB-C cable and an adapter",
        ),
        (
            "支持快充，续航一整天",
            "屏幕清晰，处理器运行流畅",
            "蓝牙5.3，信号稳定",
            "音质纯净，像素细腻",
            "系统三年免费升级",
            "附送数据线和充电器",
        ),
    ),
    "clothing": (
        (
            "Cut for a relaxed fit, in sizes S to XXL",
            "Breathable fabric that keeps its shape after washing",
            "Soft on the skin, with neat seams",
            "Easy to combine for work and weekends",
            "Machine washable at 30 degrees",
            "Stretchy, light and quick to dry",
        ),
        (
            "宽松版型，尺码从S到XXL",
            "面料透气，水洗不变形",
            "亲肤柔软，走线工整",
            "上班休闲都好搭配",
            "可机洗，不起球",
            "弹力十足，轻便速干",
        ),
    ),
    "books": (
        (
            "A gripping story told in forty short chapters",
            "With a foreword by the translator and an index",
            "Printed on acid-free paper, 320 pages",
            "The author's best-loved work, newly edited",
            "Readers praise its characters and its ending",
            "With maps, notes and a reading list",
        ),
        (
            "情节紧凑，共四十章",
            "附译者序和索引",
            "胶版纸印刷，共320页",
            "作者代表作，全新修订",
            "人物鲜活，读者好评如潮",
            "含地图、注释和延伸阅读",
        ),
    ),
    "home": (
        (
            "Brings warmth to the living room and the hall",
            "Hand-finished, each piece a little different",
            "Stands firmly on any shelf or floor",
            "Dishwasher safe and easy to wipe clean",
            "Solid materials that age gracefully",
            "Fits small kitchens and bedrooms",
        ),
        (
            "为客厅增添温馨气息",
            "手工打磨，件件不同",
            "摆放稳固，适合各种家装",
            "易清洁，耐用不褪色",
            "用料扎实，历久弥新",
            "小户型厨房卧室都合适",
        ),
    ),
    "electronics/home": (
        (
            "Quiet, energy-saving and simple to use",
            "With a two-year warranty and a mains adapter",
            "Looks good on any desk or sideboard",
            "One button, three levels, no fuss",
            "Assembled in five minutes",
            "A practical present for a new flat",
        ),
        (
            "低噪节能，操作简单",
            "两年质保，附电源适配器",
            "放在书桌或边柜上都好看",
            "一键三档，省心方便",
            "五分钟即可装好",
            "乔迁送礼很实用",
        ),
    ),
    "clothing/books": (
        (
            "A timeless favourite for quiet evenings",
            "Carefully made, with fine thread and a soft cover",
            "Beautifully presented in a slipcase",
            "New this season and already much loved",
            "A lovely present for friends with good taste",
            "Numbered edition of five hundred",
        ),
        (
            "静谧夜晚的经典之选",
            "做工精细，封面柔软",
            "礼盒包装，精美大方",
            "当季新品，广受喜爱",
            "送给有品位的朋友",
            "限量编号五百份",
        ),
    ),
}

GENERAL = (
    (
        "Ships within two days.",
        "Free returns for 30 days.",
        "Rated 4.6 out of 5 by our customers.",
        "Only a few left in stock.",
        "Packed without plastic.",
        "Please check the measurements before ordering.",
        "Colours may differ slightly from the picture.",
    ),
    (
        "两天内发货。",
        "支持三十天无理由退货。",
        "顾客评分4.6分。",
        "库存不多，欲购从速。",
        "环保包装，不含塑料。",
        "下单前请核对尺寸。",
        "颜色以实物为准。",
    ),
)

BRANDS = (
    (
        "Nordvik",
        "Altona",
        "Mirabel",
        "Kestrel",
        "Hanami",
        "Oakline",
        "Solano",
        "Tidewater",
        "Fenwick",
        "Lumora",
    ),
    ("云栖", "木禾", "海棠", "青岚", "星河", "南山", "初夏", "晨曦", "百川", "知秋"),
)

COLOUR_WORDS = {
    "red": "红色", "orange": "橙色", "yellow": "黄色", "green": "绿色", "teal": "青色", "blue": "蓝色",
    "purple": "紫色", "pink": "粉色", "brown": "棕色", "grey": "灰色", "black": "黑色", "white": "白色",
}  # fmt: skip
